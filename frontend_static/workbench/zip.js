/** ZIP archives of files as they are, without compression (APPNOTE.TXT 6.3, without Zip64). Pure. */

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const VERSION = 20;
/** Names are UTF-8. */
const FLAGS = 0x0800;
/** What the format can hold without Zip64. */
export const MOST_FILES = 65_535;

/** @param {{name: string, data: Uint8Array<ArrayBuffer>}[]} files 65,535 and 4 GB in all at most @param {Date} now @returns {Uint8Array<ArrayBuffer>[]} to be put one after the other */
export function zip(files, now) {
  if (files.length > MOST_FILES) throw new RangeError(`${files.length} files are too many for a ZIP archive`);
  const [body, directory] = [/** @type {Uint8Array<ArrayBuffer>[]} */ ([]), /** @type {Uint8Array<ArrayBuffer>[]} */ ([])];
  let offset = 0;
  for (const { name, data } of files) {
    const text = new TextEncoder().encode(name);
    const about = [[2, FLAGS], [2, 0], [2, dosTime(now)], [2, dosDate(now)], [4, crc32(data)], [4, data.length], [4, data.length], [2, text.length], [2, 0]];
    const head = packed([[4, LOCAL], [2, VERSION], ...about]);
    directory.push(packed([[4, CENTRAL], [2, VERSION], [2, VERSION], ...about, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]]), text);
    body.push(head, text, data);
    offset += head.length + text.length + data.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = packed([[4, END], [2, 0], [2, 0], [2, files.length], [2, files.length], [4, size], [4, offset], [2, 0]]);
  return [...body, ...directory, end];
}

/** @param {number[][]} fields bytes and value of each @returns {Uint8Array<ArrayBuffer>} little-endian */
function packed(fields) {
  const out = new Uint8Array(fields.reduce((sum, [bytes]) => sum + bytes, 0));
  const view = new DataView(out.buffer);
  let at = 0;
  for (const [bytes, value] of fields) {
    if (bytes === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += bytes;
  }
  return out;
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** @param {Uint8Array} data @returns {number} as ZIP and PNG have it */
export function crc32(data) {
  let value = 0xffffffff;
  for (const byte of data) value = TABLE[(value ^ byte) & 255] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

/** @param {Date} date */
function dosTime(date) {
  return (date.getHours() << 11) | (date.getMinutes() << 5) | (date.getSeconds() >> 1);
}

/** @param {Date} date */
function dosDate(date) {
  return ((date.getFullYear() - 1980) << 9) | ((date.getMonth() + 1) << 5) | date.getDate();
}

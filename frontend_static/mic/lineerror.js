/** Why no call came about. */
export class LineError extends Error {
  /**
   * @param {string} code "missing", "unauthorized", "refused", "silent", "unsupported", "unreachable", or one of the server's
   * @param {() => string} [text] the server's words, in the language in force
   */
  constructor(code, text = () => "") {
    super(code);
    this.code = code;
    this.text = text;
  }
}

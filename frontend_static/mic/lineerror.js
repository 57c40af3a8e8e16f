/** Why no call came about. */
export class LineError extends Error {
  /** @param {string} code "missing", "refused", "silent", "unreachable", or one of the server's @param {string} message can be shown */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

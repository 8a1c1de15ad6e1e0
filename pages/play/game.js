// One game: the socket to the environment on the server, and the newest state that came over it.

import { leave } from "../shared/browser/live_socket.js";

/**
 * @typedef {object} GameState What the server tells of the game, once a step.
 * @property {number} step
 * @property {number} episode_return
 * @property {boolean} truncated
 * @property {boolean} over
 * @property {undefined} [error]
 */
/** @typedef {{error?: string}} GameProblem Why there is no game any more; without a text, the connection was lost. */
/**
 * @typedef {object} GameOptions
 * @property {string} address
 * @property {HTMLCanvasElement} canvas
 * @property {(state: GameState) => void} onState Hears of every state.
 * @property {(problem: GameProblem | null) => void} onEnd Hears of the end: null where the episode is over.
 */

export class Game {
  /** @param {GameOptions} options */
  constructor({ address, canvas, onState, onEnd }) {
    this.canvas = canvas;
    this.onState = onState;
    this.onEnd = onEnd;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    /** @type {GameState | null} */
    this.state = null;
    /** @type {Uint8Array<ArrayBuffer> | null} */
    this.next = null; // The newest picture, a JPEG, while it waits to be drawn.
    this.hasBegun = false;
    this.isOver = false;
    this.isDrawing = false;
    this.socket = new WebSocket(address);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = ({ data }) => this.receive(data);
    this.socket.onclose = () => this.finish({});
  }

  /** @param {ArrayBuffer} message */
  receive(message) {
    const length = new DataView(message).getUint32(0, true);
    /** @type {GameState | {error: string}} */
    const state = JSON.parse(new TextDecoder().decode(new Uint8Array(message, 4, length)));
    if (state.error !== undefined) {
      this.finish(state);
      return;
    }
    this.state = state;
    if (message.byteLength > 4 + length) this.offer(new Uint8Array(message, 4 + length));
    this.onState(state);
    if (state.over) this.finish(null);
  }

  /**
   * Draws the newest picture; those that come while one is decoded give way to the last of them.
   * @param {Uint8Array<ArrayBuffer>} jpeg
   */
  async offer(jpeg) {
    this.next = jpeg;
    if (this.isDrawing) return;
    this.isDrawing = true;
    while (this.next) {
      const blob = new Blob([this.next], { type: "image/jpeg" });
      this.next = null;
      const bitmap = await createImageBitmap(blob);
      const { width, height } = bitmap;
      if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
      this.canvas.style.setProperty("--dqn-aspect", String(width / height));
      this.context.drawImage(bitmap, 0, 0);
      bitmap.close();
    }
    this.isDrawing = false;
  }

  /** @param {number | null} action */
  act(action) {
    this.hasBegun ||= action !== null;
    this.say({ action });
  }

  /** @param {number} speed */
  setSpeed(speed) {
    this.say({ speed });
  }

  /** @param {object} values */
  say(values) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(values));
  }

  /** @param {GameProblem | null} problem */
  finish(problem) {
    if (this.isOver) return;
    this.isOver = true;
    this.onEnd(problem);
    this.socket.close();
  }

  dispose() {
    this.isOver = true;
    leave(this.socket);
  }
}

// One game: the socket to the environment on the server, and the newest state that came over it.

export class Game {
  /** `onState(state)` hears of every state, `onEnd(problem)` of the end: null where the episode is over. */
  constructor({ address, canvas, onState, onEnd }) {
    Object.assign(this, { canvas, onState, onEnd });
    this.context = canvas.getContext("2d");
    this.state = null;
    this.hasBegun = false;
    this.isOver = false;
    this.isDrawing = false;
    this.socket = new WebSocket(address);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = ({ data }) => this.receive(data);
    this.socket.onclose = () => this.finish({});
  }

  receive(message) {
    const length = new DataView(message).getUint32(0, true);
    const state = JSON.parse(new TextDecoder().decode(new Uint8Array(message, 4, length)));
    if (state.error) {
      this.finish(state);
      return;
    }
    this.state = state;
    if (message.byteLength > 4 + length) this.offer(new Uint8Array(message, 4 + length));
    this.onState(state);
    if (state.over) this.finish(null);
  }

  /** Draws the newest picture; those that come while one is decoded give way to the last of them. */
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

  act(action) {
    this.hasBegun ||= action !== null;
    this.say({ action });
  }

  setSpeed(speed) {
    this.say({ speed });
  }

  say(values) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(values));
  }

  finish(problem) {
    if (this.isOver) return;
    this.isOver = true;
    this.onEnd(problem);
    this.socket.close();
  }

  dispose() {
    this.isOver = true;
    this.socket.close();
  }
}

// Sends the visitor's choice to Python, and repeats it until Python answers: a lost message would otherwise leave
// browser and Python permanently out of step.

const FIRST_WAIT_MS = 2000; // doubles with each repeat
const MOST_REPEATS = 5;

/** @typedef {{value: unknown, move: number}} Told Python sends the number back with its answer */

/** Whether Python is running and may still answer: a repeat would restart the run. */
const atWork = () => document.querySelector('[data-test-script-state="running"]') !== null;

class Sender {
  /** @param {Element} root of the component @param {(told: Told) => void} send */
  constructor(root, send) {
    this.root = root;
    this.send = send;
    this.move = 0; // number of the newest move
    this.waiting = false; // for Python's answer
    this.timer = 0;
  }

  /** Send a new move of the visitor. @param {unknown} value */
  tell(value) {
    this.move += 1;
    this.waiting = true;
    this.send({ value, move: this.move });
    this.wait(value, 0);
  }

  /** @param {unknown} value @param {number} repeats so far */
  wait(value, repeats) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (!this.root.isConnected || repeats === MOST_REPEATS) {
        this.waiting = false; // accept whatever Python sends next
        return;
      }
      const patient = atWork();
      if (!patient) this.send({ value, move: this.move });
      this.wait(value, patient ? repeats : repeats + 1);
    }, FIRST_WAIT_MS * 2 ** repeats);
  }

  /** Receive Python's answer to a move. @param {number} move @returns {boolean} whether Python knows the newest move, so that its values apply */
  hear(move) {
    if (this.waiting && move !== this.move) return false;
    clearTimeout(this.timer);
    this.waiting = false;
    this.move = Math.max(this.move, move); // an earlier element on the same page may have used higher numbers
    return true;
  }
}

import { useState, type FormEvent } from "react";

interface Props {
  initial?: string;
  busy: boolean;
  /** `confirm`: the graph is to ask before it writes. */
  onAsk(text: string, confirm: boolean): void;
  onStop(): void;
}

export function Composer({ initial = "", busy, onAsk, onStop }: Props) {
  const [text, setText] = useState(initial);
  const [confirm, setConfirm] = useState(false);

  function send(event: FormEvent) {
    event.preventDefault();
    if (busy || !text.trim()) return;
    onAsk(text.trim(), confirm);
    setText("");
  }

  return (
    <form onSubmit={send}>
      <input
        aria-label="Topic"
        placeholder="What shall I write about?"
        value={text}
        onChange={(event) => setText(event.target.value)}
        autoFocus
      />
      {busy ? (
        <button type="button" onClick={onStop}>
          Stop
        </button>
      ) : (
        <button>{initial ? "Ask again" : "Write"}</button>
      )}
      <label>
        <input type="checkbox" checked={confirm} onChange={() => setConfirm(!confirm)} /> ask me before writing
      </label>
    </form>
  );
}

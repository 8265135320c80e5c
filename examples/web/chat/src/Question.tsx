interface Props {
  text: string;
  onAnswer(answer: string): void;
}

/** What the graph asks with `interrupt`; the run goes on with the answer. */
export function Question({ text, onAnswer }: Props) {
  return (
    <section className="question">
      <p>{text}</p>
      <button onClick={() => onAnswer("yes")}>Yes</button>
      <button onClick={() => onAnswer("no")}>No</button>
    </section>
  );
}

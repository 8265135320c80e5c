import type { Message } from "@langchain/langgraph-sdk";
import { useTypewriter } from "./useTypewriter";

interface Props {
  message: Message;
  /** Whether the run still goes on; nothing can be changed meanwhile. */
  live: boolean;
  branch?: string;
  branches?: string[];
  onBranch(branch: string): void;
  onEdit(text: string): void;
}

export function Bubble({ message, live, branch, branches, onBranch, onEdit }: Props) {
  const text = typeof message.content === "string" ? message.content : "";
  const typed = useTypewriter(text);
  const human = message.type === "human";

  return (
    <article className={message.type}>
      <p>{human ? text : typed}</p>
      {human && (
        <footer hidden={live}>
          {branch && branches && <Branches {...{ branch, branches, onBranch }} />}
          <button onClick={() => onEdit(text)}>Edit</button>
        </footer>
      )}
    </article>
  );
}

/** Leads to the other versions of a message, and to all that followed from them. */
function Branches({ branch, branches, onBranch }: Required<Pick<Props, "branch" | "branches" | "onBranch">>) {
  const here = branches.indexOf(branch);
  return (
    <nav aria-label="Versions">
      <button aria-label="Previous" disabled={here <= 0} onClick={() => onBranch(branches[here - 1])}>
        ‹
      </button>
      {here + 1} / {branches.length}
      <button
        aria-label="Next"
        disabled={here === branches.length - 1}
        onClick={() => onBranch(branches[here + 1])}
      >
        ›
      </button>
    </nav>
  );
}

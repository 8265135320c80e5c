import type { Checkpoint, Message } from "@langchain/langgraph-sdk";
import { useStream } from "@langchain/langgraph-sdk/react";
import { useState } from "react";
import { apiUrl, useThreadId } from "./address";
import { Bubble } from "./Bubble";
import { Composer } from "./Composer";
import { Question } from "./Question";
import { isProgress, ProgressBar, type Progress } from "./ProgressBar";
import { useStayAtEnd } from "./useStayAtEnd";

type State = { messages: Message[]; delay: number; ask: boolean };

/** A message that is asked anew: what stands before it, and where the thread was then. */
type Edit = { text: string; before: Message[]; checkpoint?: Checkpoint | null };

export function Chat() {
  const [threadId, setThreadId] = useThreadId();
  const [progress, setProgress] = useState<Progress | null>(null);
  const [edit, setEdit] = useState<Edit | null>(null);
  useStayAtEnd();

  const chat = useStream<State, { InterruptType: { question: string } }>({
    apiUrl,
    assistantId: "essay",
    threadId,
    onThreadId: setThreadId,
    // Remember the run that goes on. After a reload it is replayed from its start and followed.
    reconnectOnMount: () => window.localStorage,
    // With the history there are branches.
    fetchStateHistory: { limit: 100 },
    onCustomEvent: (event) => isProgress(event) && setProgress(event),
    onFinish: () => setProgress(null),
    onStop({ mutate }) {
      setProgress(null);
      // The thread does not have the half of an answer; go on showing it.
      mutate({ messages: chat.messages });
    },
  });

  function ask(text: string, confirm: boolean) {
    const question: Message = { type: "human", id: crypto.randomUUID(), content: text };
    const before = edit?.before ?? chat.messages;
    chat.submit(
      { messages: [question], delay: 0.1, ask: confirm },
      {
        optimisticValues: { messages: [...before, question] },
        checkpoint: edit?.checkpoint,
        streamSubgraphs: true,
      },
    );
    setEdit(null);
  }

  function answer(text: string) {
    chat.submit(null, { command: { resume: text }, streamSubgraphs: true });
  }

  function beginAnew() {
    setThreadId(null);
    setEdit(null);
  }

  return (
    <>
      <header>
        <h1>Essays</h1>
        {threadId && (
          <button onClick={beginAnew} disabled={chat.isLoading}>
            New
          </button>
        )}
      </header>
      <main>
        {chat.messages.map((message, index) => {
          const { branch, branchOptions, firstSeenState } = chat.getMessagesMetadata(message, index) ?? {};
          return (
            <Bubble
              key={message.id ?? index}
              message={message}
              live={chat.isLoading}
              branch={branch}
              branches={branchOptions}
              onBranch={chat.setBranch}
              onEdit={(text) =>
                setEdit({
                  text,
                  before: chat.messages.slice(0, index),
                  checkpoint: firstSeenState?.parent_checkpoint,
                })
              }
            />
          );
        })}
        {chat.isLoading && <ProgressBar progress={progress} />}
        {!chat.isLoading && chat.interrupt?.value && (
          <Question text={chat.interrupt.value.question} onAnswer={answer} />
        )}
        {chat.error != null && <p role="alert">{String((chat.error as Error).message ?? chat.error)}</p>}
      </main>
      <Composer
        key={edit?.checkpoint?.checkpoint_id}
        initial={edit?.text}
        busy={chat.isLoading}
        onAsk={ask}
        onStop={chat.stop}
      />
    </>
  );
}

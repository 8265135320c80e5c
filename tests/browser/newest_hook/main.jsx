// Everything of `useStream` of @langchain/react that a chat needs, and not a line more.

import { useChannel, useMessageMetadata, useStream } from "@langchain/react";
import { useState } from "react";
import { createRoot } from "react-dom/client";

const address = new URL(location.href);

function Chat() {
  const [threadId, setThreadId] = useState(address.searchParams.get("thread"));
  const [topic, setTopic] = useState("");
  const chat = useStream({
    apiUrl: address.searchParams.get("api"),
    transport: address.searchParams.get("transport") ?? "sse",
    assistantId: "essay",
    threadId,
    onThreadId(id) {
      address.searchParams.set("thread", id);
      history.replaceState(null, "", address);
      setThreadId(id);
    },
  });
  const told = useChannel(chat, ["custom"]).map(({ params }) => params.data.payload);

  function ask(options) {
    const ask = address.searchParams.has("ask");
    chat.submit({ messages: [{ type: "human", content: topic }], ask }, options);
  }

  return (
    <>
      {chat.messages.map((message, index) => (
        <Message key={message.id ?? index} chat={chat} message={message} onEdit={ask} />
      ))}
      <output>{chat.isLoading ? told.at(-1)?.label : "over"}</output>
      {chat.error && <p role="alert">{chat.error.message}</p>}
      {chat.interrupt && (
        <>
          <p>{chat.interrupt.value.question}</p>
          <button onClick={() => chat.respond("yes")}>Yes</button>
        </>
      )}
      <input aria-label="Topic" value={topic} onChange={(event) => setTopic(event.target.value)} />
      <button onClick={() => ask()}>Write</button>
      <button onClick={() => chat.stop()}>Stop</button>
    </>
  );
}

function Message({ chat, message, onEdit }) {
  const before = useMessageMetadata(chat, message.id)?.parentCheckpointId;
  return (
    <article>
      <p>{message.text}</p>
      {message.type === "human" && before && (
        <button onClick={() => onEdit({ forkFrom: before })}>Ask this instead</button>
      )}
    </article>
  );
}

createRoot(document.getElementById("root")).render(<Chat />);

// What the page keeps in its address, so that a reload or a link leads to the same conversation.

import { useState } from "react";

const address = new URL(location.href);

/** The server; `?api=…` names another one. */
export const apiUrl = address.searchParams.get("api") ?? "http://localhost:2024";

/** The thread that is shown; null for a conversation that has not begun. */
export function useThreadId() {
  const [threadId, setThreadId] = useState(address.searchParams.get("thread"));

  function change(id: string | null) {
    if (id) address.searchParams.set("thread", id);
    else address.searchParams.delete("thread");
    history.replaceState(null, "", address);
    setThreadId(id);
  }

  return [threadId, change] as const;
}

import { useEffect, useState } from "react";

/** Shows a growing text letter by letter; the further it is behind, the faster it types. */
export function useTypewriter(text: string) {
  const [length, setLength] = useState(0);

  useEffect(() => {
    if (length >= text.length) return;
    const step = Math.ceil((text.length - length) / 10);
    const frame = requestAnimationFrame(() => setLength(length + step));
    return () => cancelAnimationFrame(frame);
  }, [text, length]);

  return text.slice(0, length);
}

import { useEffect } from "react";

/** Scrolls along with text that grows, unless the reader has scrolled up. */
export function useStayAtEnd() {
  useEffect(() => {
    const page = document.documentElement;
    let atEnd = true;
    const note = () => (atEnd = page.scrollTop + page.clientHeight > page.scrollHeight - 100);
    const growth = new ResizeObserver(() => atEnd && scrollTo(0, page.scrollHeight));
    addEventListener("scroll", note);
    growth.observe(document.body);
    return () => {
      removeEventListener("scroll", note);
      growth.disconnect();
    };
  }, []);
}

// Fetches the page anew every few seconds and puts its content in place. When
// the box does not answer, the page says so: old values must not look alive.
'use strict';
(() => {
  const every = 3000;
  const lost = document.getElementById('lost');
  let answered = Date.now();

  async function refresh() {
    try {
      const answer = await fetch(location.origin, { cache: 'no-store', signal: AbortSignal.timeout(5000) });
      if (!answer.ok) throw new Error(answer.statusText);
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      document.querySelector('main').replaceWith(page.querySelector('main'));
      answered = Date.now();
      lost.hidden = true;
    } catch {
      const seconds = Math.round((Date.now() - answered) / 1000);
      lost.textContent = `No answer from the box for ${seconds} s. What stands below is old.`;
      lost.hidden = false;
      document.querySelector('main').classList.add('old');
    }
    setTimeout(refresh, every);
  }

  setTimeout(refresh, every);
})();

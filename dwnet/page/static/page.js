// One player for two videos: the result leads, the driving video follows it.
(() => {
  const APART = 0.08; // seconds by which the videos may be apart
  const result = () => document.querySelector("#result video");
  const driving = () => document.querySelector("#driving video");
  const start = () => Number(document.querySelector("#result .result")?.dataset.start || 0);
  const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
  const follow = (video, apart) => {
    const other = driving();
    if (!other) return;
    other.muted = true;
    const place = Math.min(video.currentTime + start(), other.duration || Infinity);
    if (Math.abs(other.currentTime - place) > apart) other.currentTime = place;
    if (video.paused !== other.paused) video.paused ? other.pause() : other.play().catch(() => {});
  };
  const play = (video) => video.play().catch(() => { video.muted = true; return video.play(); }).catch(() => {});
  let shown = null;
  let held = false;

  const tick = () => {
    const video = result();
    if (video && video !== shown) {
      shown = video;
      video.muted = true;
      video.addEventListener("ended", () => { video.currentTime = 0; follow(video, 0); play(video); });
      video.addEventListener("play", () => follow(video, 0));
      video.addEventListener("pause", () => { if (!video.ended) follow(video, 0); });
      play(video);
    }
    if (video && video.duration) {
      if (!video.paused) follow(video, APART);
      const bar = document.querySelector("#result .seek");
      if (!held) bar.value = (1000 * video.currentTime) / video.duration;
      document.querySelector("#result .clock").textContent = `${clock(video.currentTime)} / ${clock(video.duration)}`;
      document.querySelector("#result .play").classList.toggle("playing", !video.paused);
      document.querySelector("#result .sound")?.classList.toggle("on", !video.muted);
    }
    for (const card of document.querySelectorAll(".card video")) {
      card.muted = true;
      if (card.paused) card.play().catch(() => {});
    }
  };
  document.addEventListener("click", (event) => {
    const video = result();
    if (!video) return;
    if (event.target.closest("#result .play, #result video")) video.paused ? play(video) : video.pause();
    if (event.target.closest("#result .sound")) video.muted = !video.muted;
  });
  document.addEventListener("input", (event) => {
    if (!event.target.matches("#result .seek")) return;
    const video = result();
    held = true;
    video.currentTime = (event.target.value / 1000) * video.duration;
    follow(video, 0);
  });
  document.addEventListener("change", (event) => { if (event.target.matches("#result .seek")) held = false; });
  setInterval(tick, 60);
})();

// <hs-mask src>: a PNG of class ids over an image, each class in a colour of the sheet; 0 is nothing.

customElements.define("hs-mask", class extends HTMLElement {
  async connectedCallback() {
    const image = new Image();
    image.src = this.getAttribute("src");
    try { await image.decode(); } catch { return; }
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    const paint = () => {
      const colours = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => {
        this.style.color = `var(--s${n})`;
        pen.fillStyle = getComputedStyle(this).color;
        pen.fillRect(0, 0, 1, 1);
        return pen.getImageData(0, 0, 1, 1).data.slice(0, 3);
      });
      pen.clearRect(0, 0, canvas.width, canvas.height);
      pen.drawImage(image, 0, 0);
      const held = pen.getImageData(0, 0, canvas.width, canvas.height);
      for (let i = 0; i < held.data.length; i += 4) {
        const id = held.data[i];
        if (!id) { held.data[i + 3] = 0; continue; }
        held.data.set(colours[id % 8], i);
        held.data[i + 3] = 140;
      }
      pen.putImageData(held, 0, 0);
    };
    paint();
    this.replaceChildren(canvas);
    document.addEventListener("theme", paint);
  }
});

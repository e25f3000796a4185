"""A record of tracked runs: curves with a spike and NaN, pictures, sound, pages, tables."""

import math

import numpy as np

from homeostat.core import Finding, Verdict
from homeostat.media import Audio, Histogram, Html, Image, Table, sequence_row
from homeostat.record import Record

CLASSES = ("cat", "dog", "ship")
LABELS = {0: "sky", 1: "road", 2: "car"}


def write_tracked(path, runs=12, rows=120):
    """Write some runs of one sweep; returns the record and their ids, the first started first."""
    record = Record(path)
    return record, [write_run(record, number, rows) for number in range(runs)]


def write_run(record, number, rows):
    rng = np.random.default_rng(number)
    rate = 10.0 ** -(1 + number % 4)
    config = {"lr": rate, "model": {"depth": 2 + number % 3}, "optimizer": "adam", "seed": number}
    about = {"tags": ["sweep", "baseline"], "group": "first", "job_type": "fit", "notes": "Try it."}
    with record.start_run("train", f"net-{number}", system="s", config=config, about=about) as run:
        for step in range(300):
            loss = math.exp(-step * rate * 20 / 300) + 0.01 * rng.normal()
            broken = number == 3 and step >= 200
            norm = 40.0 if step == 150 else 1.0
            run.log({"train/loss": math.nan if broken else loss, "grad_norm": norm}, step)
        run.log({"val/auc": 1 - 0.5 * rate}, 299)
        for load in (10.0, 20.0, 30.0):
            run.log_system({"system.cpu": load, "system.gpu.0.temp": 50 + load})
        run.console("epoch 1\n\x1b[31mepoch 2\x1b[0m\n")
        run.console("careful\n", "stderr")
        run.make("net", "model", {"net.bin": str(number).encode()})
        if number < 2:
            write_media(run, rng)
            run.log_row({"predictions": predictions(rng, rows, number).to_row(run.put)}, 299)
        if number == 1:
            words = {"check": "training.exploding", "subject": "grad_norm"}
            run.find(Finding(**words, verdict=Verdict.WARN, summary="`grad_norm` jumped once."))
    return run.id


def write_media(run, rng):
    for step in (100, 299):
        pictures = [picture(rng, f"sample {step}.{place}") for place in range(2)]
        row = {"samples": sequence_row(pictures, run.put)}
        row["gradients/first"] = Histogram(rng.normal(size=500)).to_row(run.put)
        run.log_row(row, step)
    script = "document.title = 'ran'; fetch('/runs.json').catch(() => 0)"
    page = Html(f"<p>a report</p><script>{script}</script>")
    sound = Audio(np.sin(np.arange(800) / 9), sample_rate=8000, caption="a tone")
    row = {"report": page.to_row(run.put), "sound": sound.to_row(run.put), "remark": "fine"}
    run.log_row(row, 299)


def picture(rng, caption):
    down, across = np.mgrid[0:32, 0:48]
    mask = np.where(down > 20, 1, 0)
    mask[(across - 20) ** 2 + (down - 14) ** 2 < 40] = 2
    pixels = np.stack([down * 4, across * 3, 200 - down], -1).clip(0, 255).astype(np.uint8)
    car = {"minX": 12, "maxX": 28, "minY": 6, "maxY": 22}
    box = {"position": car, "domain": "pixel", "class_id": 2, "scores": {"p": 0.9}}
    return Image(
        pixels,
        caption=caption,
        masks={"guess": {"mask_data": mask, "class_labels": LABELS}},
        boxes={"guess": {"box_data": [box], "class_labels": LABELS}},
    )


def predictions(rng, rows, number):
    table = Table(columns=["id", "image", "truth", "guess", "score"])
    for row in range(rows):
        truth = CLASSES[row % 3]
        guess = CLASSES[(row + 1) % 3] if row % (4 + number) == 0 else truth
        pixels = np.full((8, 8, 3), 40 * (row % 3) + 50, np.uint8)
        table.add_data(row, Image(pixels, caption=truth), truth, guess, float(rng.random()))
    return table

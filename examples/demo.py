"""The three examples, one after the other."""

import runpy
from pathlib import Path

HERE = Path(__file__).parent

for name, heading in [
    ("notebook.py", "1. Gradients by tape"),
    ("oring.py", "2. A real fit: O-ring damage on 23 shuttle launches"),
    ("cost.py", "3. The cost of a gradient"),
]:
    print(f"\n{heading}  (examples/{name})\n{'-' * len(heading)}", flush=True)
    runpy.run_path(str(HERE / name), run_name="__main__")

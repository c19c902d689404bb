"""Opens a report in headless Chromium: no console message, nothing wider than the window; and takes pictures to look at.

    python3 host-tools/witness/look_at_report.py report.html [FOLDER]

On Debian it installs the package `chromium` where that is missing. The pictures go to FOLDER: phone and desktop, light and
dark, and the page as printed.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

# The report runs no script of its own. It is measured from outside, in a frame.
HARNESS = """<!DOCTYPE html><meta charset="utf-8"><link rel="icon" href="data:,"><style>body{margin:0}</style>
<iframe id="frame" src="%s" style="width:%dpx;height:900px;border:0"></iframe>
<pre id="found"></pre><script>
document.getElementById("frame").addEventListener("load", () => {
  const page = document.getElementById("frame").contentDocument, root = page.documentElement;
  const wide = [...page.querySelectorAll("body *")].filter(e => {
    const scrolls = e.closest(".scroll");
    return e.getBoundingClientRect().right > root.clientWidth + 1 && (!scrolls || scrolls === e);
  });
  document.getElementById("found").textContent = "width " + root.scrollWidth + " of " + root.clientWidth
    + " wide " + wide.length + " " + wide.slice(0, 3).map(e => e.tagName + "." + e.className).join(" ")
    + " drawings " + page.querySelectorAll("svg.figure").length;
});
</script>"""


def chromium():
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not found:
        root = [] if os.geteuid() == 0 else ["sudo"]
        subprocess.run([*root, "apt-get", "update", "--quiet"], check=True)
        subprocess.run([*root, "apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "chromium"], check=True)
        found = shutil.which("chromium")
    return found


def run(*arguments):
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr"]
    with tempfile.TemporaryDirectory() as profile:
        command = [chromium(), *options, f"--user-data-dir={profile}", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)


def main():
    report = pathlib.Path(sys.argv[1]).resolve()
    folder = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp()).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    problems = []
    with tempfile.NamedTemporaryFile("w", suffix=".html") as harness:
        for width in [320, 390, 768, 1280]:
            harness.seek(0)
            harness.truncate()
            harness.write(HARNESS % (report.as_uri(), width))
            harness.flush()
            done = run(
                "--allow-file-access-from-files",
                "--disable-web-security",
                "--virtual-time-budget=10000",
                f"--window-size={max(width, 500)},1000",
                "--dump-dom",
                pathlib.Path(harness.name).as_uri(),
            )
            found = re.search(r"width (\d+) of (\d+) wide (\d+) (.*) drawings (\d+)", done.stdout)
            console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
            print(f"{width} pixels: {found.group(0) if found else 'not measured'}, {len(console)} console messages")
            if not found or int(found[1]) > int(found[2]) or int(found[3]) or not int(found[5]) or console:
                problems.append((width, console))
    for name, width, scheme in [("phone", 390, 1), ("phone-dark", 390, 0), ("desktop", 1280, 1), ("desktop-dark", 1280, 0)]:
        run(
            f"--blink-settings=preferredColorScheme={scheme}",
            f"--window-size={max(width, 500)},4200",
            f"--screenshot={folder / name}.png",
            report.as_uri(),
        )
    run("--no-pdf-header-footer", f"--print-to-pdf={folder / 'printed'}.pdf", report.as_uri())
    print(f"pictures in {folder}")
    sys.exit(f"problems at {problems}" if problems else 0)


if __name__ == "__main__":
    main()

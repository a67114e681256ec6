"""Ask an index for known weaknesses of what a server installs: part of `make check`.

Exits with 1 if there are any. Where no index answers, or it knows nothing of a package, that is
said, and is no failure: a check must run without a network.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

_PROJECT: Final = Path(__file__).resolve().parents[1]
_AUDIT: Final = (
    *(sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes"),
    *("--progress-spinner", "off", "--timeout", "10", "--format", "json"),
    *("--requirement", str(_PROJECT / "requirements" / "runtime.txt")),
)


def main() -> int:
    ran = subprocess.run(_AUDIT, capture_output=True, text=True, check=False)
    if not ran.stdout:
        sys.stdout.write("known weaknesses: not asked for, no index answers\n")
        return 0
    packages = json.loads(ran.stdout)["dependencies"]
    asked = [each for each in packages if "skip_reason" not in each]
    weak = [each for each in asked if each["vulns"]]
    lines = [f"known weaknesses: {len(weak)}; asked for {len(asked)} of {len(packages)} packages"]
    lines += [
        f"{each['name']} {each['version']}: {', '.join(v['id'] for v in each['vulns'])}"
        for each in weak
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if weak else 0


if __name__ == "__main__":
    sys.exit(main())

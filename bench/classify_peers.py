"""Other bounce parsers over the same mails, on the same core, where they are installed."""

from __future__ import annotations

import email
import importlib
import logging
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

Told = tuple[str, float, str]
"""A parser's name and version, its mails per second, and a note that begins with a space or is empty."""

_PASSES = 3
_MAIL_SECONDS = 5
# Loads all mails first, then times passes over them. A mail that takes longer than the limit is given up and counted.
_SISIMAI = r"""
use strict; use warnings; use Sisimai;
my ($list, $passes, $limit) = @ARGV;
open my $paths, '<', $list or die; my @mails;
while (my $path = <$paths>) { chomp $path; local $/; open my $file, '<', $path or die; my $raw = <$file>; push @mails, \$raw if defined $raw; }
my %over; my @rates;
for my $pass (0 .. $passes) {
    my $begun = (times)[0] + (times)[1];
    for my $place (0 .. $#mails) {
        next if $over{$place};
        my $raw = ${ $mails[$place] };
        eval { local $SIG{ALRM} = sub { $over{$place} = 1; die "over\n" }; alarm $limit; Sisimai->make(\$raw); alarm 0; };
        alarm 0;
    }
    push @rates, (@mails - keys %over) / ((times)[0] + (times)[1] - $begun) if $pass;
}
print join(' ', $Sisimai::VERSION, scalar(keys %over), @rates), "\n";
"""


def sisimai(paths: Sequence[Path]) -> Told | None:
    """Sisimai in Perl (Debian: libsisimai-perl)."""
    if shutil.which("perl") is None:
        return None
    if subprocess.run(["perl", "-MSisimai", "-e", "1"], capture_output=True, check=False).returncode:
        return None
    with tempfile.TemporaryDirectory() as folder:
        driver, listed = Path(folder, "driver.pl"), Path(folder, "mails")
        driver.write_text(_SISIMAI, "utf-8")
        listed.write_text("".join(f"{path.resolve()}\n" for path in paths), "utf-8")
        command = ["perl", str(driver), str(listed), str(_PASSES), str(_MAIL_SECONDS)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return None
    version, over, *rates = done.stdout.split()
    note = f" given up after {_MAIL_SECONDS} s: {over}" if over != "0" else ""
    return f"sisimai-{version}", statistics.median(map(float, rates)), note


def flufl_bounce(paths: Sequence[Path]) -> Told | None:
    """flufl.bounce of GNU Mailman (PyPI). It finds addresses only, and names no cause."""
    try:
        bounce = importlib.import_module("flufl.bounce")
    except ImportError:
        return None
    logging.getLogger("flufl.bounce").disabled = True  # it logs each detector that fails, with a traceback
    logging.raiseExceptions = False
    mails = [path.read_bytes() for path in paths]
    rates = []
    failed: set[int] = set()
    for passing in range(_PASSES + 1):
        begun = time.process_time()
        for place, raw in enumerate(mails):
            try:
                bounce.scan_message(email.message_from_bytes(raw))
            except Exception:  # noqa: BLE001 - a peer's fault is counted, not ours to pass on
                failed.add(place)
        if passing:
            rates.append(len(mails) / (time.process_time() - begun))
    note = f" raised on {len(failed)} mails" if failed else ""
    return f"flufl.bounce-{bounce.__version__}", statistics.median(rates), note


PEERS: tuple[Callable[[Sequence[Path]], Told | None], ...] = (sisimai, flufl_bounce)

"""Makes dates.json: what Python's datetime makes of formats at many times.

Made with Python 3.11 on Linux (glibc 2.36), in the C locale.

    python engine/tests/templates/dates.py > engine/tests/templates/dates.json
"""

import datetime
import json
import os
import time

os.environ["TZ"] = "UTC"
time.tzset()

DIRECTIVES = "aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYzZf%"
FORMATS = ["|".join("%" + d for d in DIRECTIVES)]
for flags in ["-", "_", "0", "^", "#", "5", "-5", "_5", "05", "^12", "012"]:
    known = "".join(d for d in DIRECTIVES if d not in "fzZnt%F" + ("cxXDTrR" if flags == "#" else ""))
    FORMATS.append("|".join("%" + flags + d for d in known))
FORMATS += ["%B %-d, %Y", "%d %b %Y", "%Y-%m-%d", "Today is %A, %e. %B é %%d %", "%^a%^B %#p %#Z"[:-4], "100%"]

times = [datetime.datetime(2026, 11, 30, 12, 0, 0, 123456), datetime.datetime(1970, 1, 1), datetime.datetime(2000, 2, 29, 23, 59, 59, 999999)]
for year in range(1999, 2041):
    times += [datetime.datetime(year, 1, day, day % 12, 5, 9) for day in (1, 3, 4, 7)]
    times += [datetime.datetime(year, 12, day, 12 + day % 12, 45, 0, 7) for day in (25, 28, 29, 30, 31)]
    times += [datetime.datetime(year, 2, 28) + datetime.timedelta(days=1), datetime.datetime(year, 7, 4, 0, 30)]

cases = []
for n, moment in enumerate(times):
    seconds = int((moment - datetime.datetime(1970, 1, 1)).total_seconds())
    formats = FORMATS if n < 3 else FORMATS[:1]
    cases += [[seconds, moment.microsecond, form, moment.strftime(form)] for form in formats]
print("[\n" + ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases) + "\n]")

"""Makes zones.json: how far Python's local time is ahead of UTC, in seconds, under values of TZ and at many times.

Made with Python 3.11 on Linux (glibc 2.36) and time zone data of 2024 and later.

    python engine/tests/templates/zones.py > engine/tests/templates/zones.json
"""

import datetime
import json
import os
import time

ZONES = ["America/New_York", "Asia/Kolkata", "UTC", "", "Europe/Berlin", ":Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu",
         "EST5EDT,M3.2.0,M11.1.0", "IST-5:30", "<+1245>-12:45<+1345>,M9.5.0/2:45,M4.1.0/3:45", "XYZ+3", "No/Such_Zone", "Europe", "???"]


def seconds(*moment):
    return int((datetime.datetime(*moment) - datetime.datetime(1970, 1, 1)).total_seconds())


times = [seconds(2026, month, 15, 12) for month in range(1, 13)] + [seconds(year, 7, 1) for year in (1985, 2007, 2038, 2060)]
# The hours in which clocks are changed.
for month, day in [(3, 8), (11, 1), (3, 29), (10, 25), (4, 4), (9, 26), (10, 3)]:
    times += [seconds(2026, month, day) + quarter * 900 for quarter in range(0, 96, 3)]

lines = []
for zone in ZONES:
    os.environ["TZ"] = zone
    time.tzset()
    # What datetime.now() would show at these times.
    ahead = [seconds(*datetime.datetime.fromtimestamp(at).timetuple()[:6]) - at for at in times]
    lines.append(json.dumps([zone, ahead]))
print('{"times": ' + json.dumps(times) + ',\n"zones": [\n' + ",\n".join(lines) + "\n]}")

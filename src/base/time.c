/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <stdio.h>

/* Days since 1970-01-01 of a proleptic Gregorian date (years 0..9999). */
static int64_t
days_of(int y, int m, int d)
{
    int64_t yy = m <= 2 ? y - 1 : y;
    int64_t era = (yy >= 0 ? yy : yy - 399) / 400;
    int64_t yoe = yy - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;

    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

bool
time_civil(int y, int mo, int d, int h, int mi, int s, int64_t *ret_s)
{
    static const int8_t month_days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
        31 };

    if (y < 0 || y > 9999 || mo < 1 || mo > 12 || d < 1)
        return false;
    bool leap = mo == 2 && y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
    if (d > month_days[mo - 1] + leap)
        return false;
    if (h < 0 || h > 23 || mi < 0 || mi > 59 || s < 0 || s > 59)
        return false;
    *ret_s = days_of(y, mo, d) * 86400 + h * 3600 + mi * 60 + s;
    return true;
}

static bool
digits(const char **in, int n, int *ret)
{
    int v = 0;

    for (int i = 0; i < n; i++) {
        char c = (*in)[i];

        if (c < '0' || c > '9')
            return false;
        v = v * 10 + (c - '0');
    }
    *in += n;
    *ret = v;
    return true;
}

static bool
literal(const char **in, char c)
{
    if (**in != c)
        return false;
    ++*in;
    return true;
}

static bool
unix_seconds(const char *in, int64_t *ret_s)
{
    int64_t v = 0;
    int n = 0;

    for (; in[n] != '\0'; n++) {
        if (in[n] < '0' || in[n] > '9' || n == 12)
            return false;
        v = v * 10 + (in[n] - '0');
    }
    if (n == 0)
        return false;
    *ret_s = v;
    return true;
}

static bool
zone(const char **in, int64_t *ret_offset)
{
    int h, m;

    *ret_offset = 0;
    if (literal(in, 'Z') || literal(in, 'z'))
        return true;
    int sign = **in == '-' ? -1 : 1;
    if (**in != '+' && **in != '-')
        return false;
    ++*in;
    if (!digits(in, 2, &h) || !literal(in, ':') || !digits(in, 2, &m) || h > 23 ||
        m > 59)
        return false;
    *ret_offset = sign * (h * 3600 + m * 60);
    return true;
}

bool
time_parse(const char *in, int64_t *ret_s)
{
    int y, mo, d, h, mi, s, fraction;
    int64_t t, offset;
    const char *p = in;

    if (unix_seconds(in, ret_s))
        return true;
    if (!digits(&p, 4, &y) || !literal(&p, '-') || !digits(&p, 2, &mo) ||
        !literal(&p, '-') || !digits(&p, 2, &d))
        return false;
    if (!literal(&p, 'T') && !literal(&p, 't') && !literal(&p, ' '))
        return false;
    if (!digits(&p, 2, &h) || !literal(&p, ':') || !digits(&p, 2, &mi) ||
        !literal(&p, ':') || !digits(&p, 2, &s))
        return false;
    if (literal(&p, '.')) {
        if (!digits(&p, 1, &fraction))
            return false;
        while (digits(&p, 1, &fraction))
            ;
    }
    if (!zone(&p, &offset) || *p != '\0' || !time_civil(y, mo, d, h, mi, s, &t))
        return false;
    *ret_s = t - offset;
    return true;
}

void
time_format(int64_t s, char ret[static TIME_TEXT])
{
    int64_t day = s / 86400, rest = s % 86400;

    if (rest < 0)
        rest += 86400, day--;
    int64_t z = day + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    int64_t m = mp < 10 ? mp + 3 : mp - 9;
    int64_t y = yoe + era * 400 + (m <= 2);

    (void)snprintf(ret, TIME_TEXT, "%04d-%02d-%02dT%02d:%02d:%02dZ", (int)(y % 10000),
        (int)m, (int)(doy - (153 * mp + 2) / 5 + 1), (int)(rest / 3600),
        (int)(rest / 60 % 60), (int)(rest % 60));
}

bool
duration_parse(const char *in, int64_t *ret_ms)
{
    int64_t v = 0, unit;
    const char *p = in;

    for (; *p >= '0' && *p <= '9'; p++) {
        if (p - in >= 9)
            return false;
        v = v * 10 + (*p - '0');
    }
    if (p == in || p[0] == '\0' || p[1] != '\0')
        return false;
    switch (*p) {
    case 's': unit = 1000; break;
    case 'm': unit = 60 * 1000; break;
    case 'h': unit = 3600 * 1000; break;
    case 'd': unit = 86400 * 1000; break;
    default: return false;
    }
    *ret_ms = v * unit;
    return true;
}

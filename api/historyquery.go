package api

import (
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"smartconnect/telegram"
)

// The resolutions of the history, and how far each goes back, in seconds.
const (
	aSecond        = 1
	aQuarter       = 900
	longestSeconds = 3600
	longestQuarter = 400 * 86400
	// onItsWay is how long a request for the last hour may have been.
	onItsWay = 60
)

var resolutions = map[string]int64{"1s": aSecond, "15m": aQuarter}

// historyQuery is what of the history is wanted: from from to before to, in Unix
// seconds.
type historyQuery struct {
	from, to   int64
	resolution int64 // in seconds
	of         []telegram.Quantity
	format     string // a key of historyForms
}

var historyParameters = []string{"format", "from", "quantity", "resolution", "span", "to"}

// query reads the parameters of a request that came at now. The error is a sentence
// that names the wrong one.
func (h *History) query(r *http.Request, now time.Time) (historyQuery, error) {
	given, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return historyQuery{}, fmt.Errorf("the parameters cannot be read: %w", err)
	}
	for name, values := range given {
		if name == takeoverParameter {
			continue // said to whoever lets the request in
		}
		if !slices.Contains(historyParameters, name) {
			return historyQuery{}, fmt.Errorf("%q is no parameter of the history: want %s", name, either(historyParameters))
		}
		if len(values) > 1 {
			return historyQuery{}, fmt.Errorf("%s is given %d times", name, len(values))
		}
	}
	var q historyQuery
	if err := q.readTime(given, now.Unix()); err != nil {
		return historyQuery{}, err
	}
	if err := q.readResolution(given, now.Unix()); err != nil {
		return historyQuery{}, err
	}
	if q.of, err = h.readQuantities(given, q.resolution); err != nil {
		return historyQuery{}, err
	}
	q.format = given.Get("format")
	switch _, known := historyForms[q.format]; {
	case !given.Has("format"):
		q.format = accepted(r)
	case !known:
		return historyQuery{}, fmt.Errorf("format %q: want %s", q.format, either(slices.Sorted(maps.Keys(historyForms))))
	}
	return q, nil
}

// readTime reads span, or from and to. What is to come, or longer ago than anything
// is kept, is left out.
func (q *historyQuery) readTime(given url.Values, now int64) error {
	end := now + 1 // the second that runs is in it
	q.from, q.to = end-longestSeconds, end
	switch {
	case given.Has("span") && (given.Has("from") || given.Has("to")):
		return fmt.Errorf("span is how long ago it begins: give either span, or from and to")
	case given.Has("span"):
		span, err := time.ParseDuration(given.Get("span"))
		if err != nil || span < time.Second || span > longestQuarter*time.Second {
			return fmt.Errorf("span %q: want a time from 1s to %dh, such as 5m or 24h", given.Get("span"), longestQuarter/3600)
		}
		q.from = end - int64(span/time.Second)
	case given.Has("to") && !given.Has("from"):
		return fmt.Errorf("to is given without from: want both, or from alone")
	}
	for name, into := range map[string]*int64{"from": &q.from, "to": &q.to} {
		if !given.Has(name) {
			continue
		}
		seconds, err := strconv.ParseUint(given.Get(name), 10, 40)
		if err != nil {
			return fmt.Errorf("%s %q: want a time in Unix seconds, such as %d", name, given.Get(name), now)
		}
		*into = int64(seconds)
	}
	if given.Has("to") && q.to < q.from {
		return fmt.Errorf("to %d is before from %d", q.to, q.from)
	}
	q.from = min(max(q.from, end-longestQuarter), end)
	q.to = min(max(q.to, q.from), end)
	return nil
}

func (q *historyQuery) readResolution(given url.Values, now int64) error {
	if !given.Has("resolution") {
		q.resolution = aQuarter
		if now-q.from <= longestSeconds+onItsWay {
			q.resolution = aSecond
		}
		return nil
	}
	var known bool
	if q.resolution, known = resolutions[given.Get("resolution")]; !known {
		return fmt.Errorf("resolution %q: want 1s (the last hour) or 15m (the last 400 days)", given.Get("resolution"))
	}
	return nil
}

// readQuantities reads the names of quantities, with commas between them.
func (h *History) readQuantities(given url.Values, resolution int64) ([]telegram.Quantity, error) {
	switch {
	case !given.Has("quantity"):
		return h.Quantities, nil
	case resolution != aSecond:
		return nil, fmt.Errorf("quantity chooses among the values of each second: leave it out, or ask for the last hour or less (resolution=1s)")
	}
	var of []telegram.Quantity
	for name := range strings.SplitSeq(given.Get("quantity"), ",") {
		at := slices.IndexFunc(h.Quantities, func(q telegram.Quantity) bool { return q.String() == name })
		if at < 0 {
			var all []string
			for _, q := range h.Quantities {
				all = append(all, q.String())
			}
			return nil, fmt.Errorf("quantity %q: want %s, several with commas between them", name, either(all))
		}
		if slices.Contains(of, h.Quantities[at]) {
			return nil, fmt.Errorf("quantity %s is given twice", name)
		}
		of = append(of, h.Quantities[at])
	}
	return of, nil
}

func either(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// accepted is the form that a client asks for by its header Accept (RFC 9110,
// section 12.5.1): a table where it names that and not JSON.
func accepted(r *http.Request) string {
	asked := map[string]bool{}
	for list := range slices.Values(r.Header.Values("Accept")) {
		for one := range strings.SplitSeq(list, ",") {
			if media, _, err := mime.ParseMediaType(one); err == nil {
				asked[media] = true
			}
		}
	}
	if asked["text/csv"] && !asked["application/json"] {
		return "csv"
	}
	return "json"
}

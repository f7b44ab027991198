package api

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"math"
	"net/http"
	"strconv"
	"time"
)

// historyForms are how the history can be told.
var historyForms = map[string]struct {
	contentType, file string
	seconds           func(*bufio.Writer, *History, Window)
	quarters          func(*bufio.Writer, *History, historyQuery, iter.Seq[Quarter])
}{
	"json": {"application/json", "", secondsJSON, quartersJSON},
	"csv":  {"text/csv; charset=utf-8; header=present", "history.csv", secondsCSV, quartersCSV},
}

// secondsJSON writes a compact object: a series is one array, as a chart wants it.
func secondsJSON(out *bufio.Writer, h *History, w Window) {
	n := 0
	if len(w.Columns) > 0 {
		n = len(w.Columns[0].Values)
	}
	fmt.Fprintf(out, `{"resolution_seconds":1,"on_disk":%t,"start":%d,"count":%d,"series":{`, h.OnDisk, w.Start.Unix(), n)
	for i, c := range w.Columns {
		comma(out, i)
		fmt.Fprintf(out, "\n%q:{\"unit\":%q,\"values\":[", c.Quantity, c.Unit)
		for j, v := range c.Values {
			comma(out, j)
			out.Write(appendNumber(out.AvailableBuffer(), v, "null"))
		}
		out.WriteString("]}")
	}
	out.WriteString("}}\n")
}

func secondsCSV(out *bufio.Writer, _ *History, w Window) {
	out.WriteString("timestamp,time_utc")
	for _, c := range w.Columns {
		fmt.Fprintf(out, ",%s (%s)", c.Quantity, c.Unit)
	}
	out.WriteString("\r\n")
	for i := 0; len(w.Columns) > 0 && i < len(w.Columns[0].Values); i++ {
		writeTime(out, w.Start.Add(time.Duration(i)*time.Second))
		for _, c := range w.Columns {
			out.WriteByte(',')
			out.Write(appendNumber(out.AvailableBuffer(), c.Values[i], ""))
		}
		out.WriteString("\r\n")
	}
}

// quarterColumns are the members of a quarter-hour, as JSON.
var quarterColumns = []struct {
	name string
	of   func(*Quarter) any
}{
	{"import_wh", func(q *Quarter) any { return q.ImportWh }},
	{"export_wh", func(q *Quarter) any { return q.ExportWh }},
	{"import_avg_w", func(q *Quarter) any { return q.Import }},
	{"export_avg_w", func(q *Quarter) any { return q.Export }},
	{"max_w", func(q *Quarter) any { return q.Max }},
	{"min_w", func(q *Quarter) any { return q.Min }},
	{"known_seconds", func(q *Quarter) any { return q.KnownSeconds }},
	{"power_unit", func(q *Quarter) any { return q.PowerUnit.String() }},
}

func quartersJSON(out *bufio.Writer, h *History, q historyQuery, all iter.Seq[Quarter]) {
	fmt.Fprintf(out, `{"resolution_seconds":900,"on_disk":%t,"from":%d,"to":%d,"quarters":[`, h.OnDisk, q.from, q.to)
	n := 0
	for q := range all {
		comma(out, n)
		n++
		fmt.Fprintf(out, "\n{\"start\":%d", q.Start.Unix())
		for _, c := range quarterColumns {
			fmt.Fprintf(out, ",%q:%s", c.name, quarterCell(c.of(&q), "null", `"`))
		}
		out.WriteByte('}')
	}
	out.WriteString("]}\n")
}

func quartersCSV(out *bufio.Writer, _ *History, _ historyQuery, all iter.Seq[Quarter]) {
	out.WriteString("timestamp,time_utc")
	for _, c := range quarterColumns {
		out.WriteString("," + c.name)
	}
	out.WriteString("\r\n")
	for q := range all {
		writeTime(out, q.Start)
		for _, c := range quarterColumns {
			out.WriteString("," + quarterCell(c.of(&q), "", ""))
		}
		out.WriteString("\r\n")
	}
}

// quarterCell writes a value of a quarter-hour; none is what stands for a missing one, and
// quote around a text.
func quarterCell(v any, none, quote string) string {
	switch v := v.(type) {
	case Number:
		if x, ok := v.Get(); ok {
			return strconv.FormatFloat(x, 'f', -1, 64)
		}
		return none
	case string:
		return quote + v + quote
	}
	return fmt.Sprint(v)
}

// appendNumber appends a value of a second, with no more digits than it has.
func appendNumber(b []byte, v float32, none string) []byte {
	if math.IsNaN(float64(v)) {
		return append(b, none...)
	}
	return strconv.AppendFloat(b, float64(v), 'f', -1, 32)
}

func comma(out *bufio.Writer, i int) {
	if i > 0 {
		out.WriteByte(',')
	}
}

// writeTime writes a time for a machine, and in the form that every spreadsheet takes for
// one.
func writeTime(out *bufio.Writer, t time.Time) {
	fmt.Fprintf(out, "%d,%s", t.Unix(), t.UTC().Format(time.DateTime))
}

// paced buffers an answer that is long. Each part of it may take as long to leave as
// a short answer: a phone at the edge of the WLAN gets it all, and one that has gone
// is let go.
func (s *Server) paced(w http.ResponseWriter) *bufio.Writer {
	return bufio.NewWriterSize(pacedWriter{w, http.NewResponseController(w), s.Limits.Write}, 16<<10)
}

type pacedWriter struct {
	io.Writer
	out   *http.ResponseController
	limit time.Duration
}

// Write implements io.Writer.
func (p pacedWriter) Write(b []byte) (int, error) {
	_ = p.out.SetWriteDeadline(time.Now().Add(p.limit))
	return p.Writer.Write(b)
}

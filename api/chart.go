package api

import (
	"fmt"
	"math"
	"strings"
	"time"

	"smartconnect/telegram"
)

// chart is a picture of the last minutes: a line through what was measured, drawn here,
// so that it needs no script. Where nothing was measured there is no line.
type chart struct {
	Line, Area  string // paths of SVG
	Zero        string // height of nothing, "" where it is the bottom
	Least, Most string
	Minutes     int
	Said        string // what a reader without eyes is told
}

// The picture in units of its own: a page stretches it to its width.
const (
	chartWidth  = 300.0
	chartHeight = 90.0
	chartMargin = 3.0
)

// draw makes a chart of points at equal steps, the last one now, NaN where nothing was
// measured; nil where nothing was at all. Points further apart than gap are not joined.
func (t tongue) draw(points []float32, step, gap time.Duration) *chart {
	least, most, known := 0.0, 0.0, false
	var lowest, highest float64
	for _, p := range points {
		v := float64(p)
		if math.IsNaN(v) {
			continue
		}
		if !known {
			lowest, highest, known = v, v, true
		}
		least, most = math.Min(least, v), math.Max(most, v)
		lowest, highest = math.Min(lowest, v), math.Max(highest, v)
	}
	if !known {
		return nil
	}
	if most-least < 1 { // nothing flows: a line along the bottom
		most = least + 1
	}
	y := func(v float64) float64 {
		return chartHeight - chartMargin - (v-least)/(most-least)*(chartHeight-2*chartMargin)
	}
	x := func(i int) float64 { return float64(i+1) / float64(len(points)) * chartWidth }
	var line, area strings.Builder
	begun, last := 0, -1
	end := func() {
		if last == begun {
			line.WriteString("h0") // alone it is a dot
		}
		if last >= 0 {
			fmt.Fprintf(&area, "V%.1fH%.1fZ", y(0), x(begun))
		}
	}
	for i, p := range points {
		v := float64(p)
		if math.IsNaN(v) {
			continue
		}
		if last < 0 || time.Duration(i-last)*step > gap {
			end()
			begun = i
			fmt.Fprintf(&line, "M%.1f %.1f", x(i), y(v))
			fmt.Fprintf(&area, "M%.1f %.1f", x(i), y(v))
		} else {
			fmt.Fprintf(&line, "L%.1f %.1f", x(i), y(v))
			fmt.Fprintf(&area, "L%.1f %.1f", x(i), y(v))
		}
		last = i
	}
	end()
	c := &chart{
		Line: line.String(), Area: area.String(), Minutes: int((time.Duration(len(points)) * step).Minutes()),
		Least: t.amount(Number{telegram.Of(lowest)}, "W"), Most: t.amount(Number{telegram.Of(highest)}, "W"),
	}
	if least < 0 {
		c.Zero = fmt.Sprintf("%.1f", y(0))
	}
	c.Said = t.T("chart.said", c.Minutes, c.Least, c.Most)
	return c
}

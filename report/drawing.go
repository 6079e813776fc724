package report

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
	"unicode"
)

// drawing is a picture in the making: SVG elements, and where its texts stand. No text leaves the
// picture or touches another: what has no place is not written.
type drawing struct {
	width, height float64
	body          strings.Builder
	texts         []box
	taken         []box // by texts, and by what texts should not touch
}

// box is a rectangle, from its upper left corner.
type box struct{ x, y, w, h float64 }

func (a box) touches(b box) bool {
	return a.x < b.x+b.w && b.x < a.x+a.w && a.y < b.y+b.h && b.y < a.y+a.h
}

// Widths at which pictures are made: for a page and for a phone.
const (
	wide   = 960
	narrow = 350
)

// Sizes of text, which the style sheet repeats.
const (
	small  = 11.0
	normal = 12.5
)

// An anchor says which end of a text is given.
type anchor string

const (
	start  anchor = "start"
	middle anchor = "middle"
	end    anchor = "end"
)

// put writes elements. Only trusted text and numbers go in.
func (d *drawing) put(format string, a ...any) { fmt.Fprintf(&d.body, format+"\n", a...) }

// line draws a straight line.
func (d *drawing) line(class string, x1, y1, x2, y2 float64) {
	d.put(`<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, class, x1, y1, x2, y2)
}

const hintBytesMax = 200

// hint is the title of a shape, which a pointer shows.
func hint(s string) string { return "<title>" + escape(clip(s, hintBytesMax)) + "</title>" }

// rect draws a rectangle with a hint; none if it is empty.
func (d *drawing) rect(class string, b box, says string) {
	if says == "" {
		d.put(`<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, class, b.x, b.y, b.w, b.h)
		return
	}
	d.put(`<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f">%s</rect>`, class, b.x, b.y, b.w, b.h, hint(says))
}

// text writes a text on a baseline, if there is room, and reports whether there was.
func (d *drawing) text(class string, size float64, a anchor, x, y float64, s string) bool {
	b := textBox(size, a, x, y, s)
	if b.x < 0 || b.y < 0 || b.x+b.w > d.width || b.y+b.h > d.height {
		return false
	}
	if !d.free(b) {
		return false
	}
	d.taken = append(d.taken, b)
	d.texts = append(d.texts, b)
	if size == small {
		class += " small"
	}
	d.put(`<text class="%s" x="%.1f" y="%.1f" text-anchor="%s">%s</text>`, class, x, y, a, escape(s))
	return true
}

// free reports whether nothing is in the way.
func (d *drawing) free(b box) bool {
	return !slices.ContainsFunc(d.taken, b.touches)
}

func textBox(size float64, a anchor, x, y float64, s string) box {
	w := textWidth(size, s)
	switch a {
	case middle:
		x -= w / 2
	case end:
		x -= w
	}
	return box{x, y - size*0.95, w, size * 1.2}
}

// textWidth is how wide a text is at most, in any of the fonts that the page asks for.
func textWidth(size float64, s string) float64 {
	w := 0.0
	for _, r := range s {
		w += runeWidth(r)
	}
	return w * size
}

// runeWidth is in parts of the font's size. The widest of the usual fonts is DejaVu Sans.
func runeWidth(r rune) float64 {
	switch {
	case strings.ContainsRune("iIl.,:;'|!jft ()[]-\u2009", r):
		return 0.42
	case strings.ContainsRune("mMwW@%…→", r), r > 0x2e80:
		return 1.02
	case r >= 'A' && r <= 'Z':
		return 0.79
	}
	return 0.645
}

// fit cuts a text to a width.
func fit(size, width float64, s string) string {
	w, cut := 0.0, -1
	for i, r := range s {
		w += runeWidth(r) * size
		if cut < 0 && w+runeWidth('…')*size > width {
			cut = i
		}
		if w > width {
			return strings.TrimSpace(s[:cut]) + "…"
		}
	}
	return s
}

// escape makes any text safe within an element or a quoted attribute, on one line.
func escape(s string) string { return template.HTMLEscapeString(printable(s)) }

// printable replaces what is no character of a line: controls, marks that turn the direction of
// writing, broken encoding.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsPrint(r) || r == '\u2009' || r == '\u00a0':
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

// svg is the picture as an element. Readers who do not see it hear the title and the description.
func (d *drawing) svg(id, class, title, description string) template.HTML {
	return template.HTML(fmt.Sprintf(`<svg class="%s" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img" aria-labelledby="%s-t %s-d">`+
		"\n<title id=\"%s-t\">%s</title><desc id=\"%s-d\">%s</desc>\n%s</svg>",
		class, d.width, d.height, d.width, d.height, id, id, id, escape(title), id, escape(description), d.body.String()))
}

// picture is one figure of the page.
type picture struct {
	ID          string
	Title       string
	Description string
	Note        string // what was left out
	Numbers     []Table
	Open        bool // the numbers are shown at once
	draw        func(width float64) *drawing
}

// Wide and Narrow are the same picture for a page and for a phone.
func (p *picture) Wide() template.HTML {
	return p.draw(wide).svg(p.ID+"-w", "wide", p.Title, p.Description)
}

func (p *picture) Narrow() template.HTML {
	return p.draw(narrow).svg(p.ID+"-n", "narrow", p.Title, p.Description)
}

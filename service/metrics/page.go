// Package metrics writes measurements in the text format of Prometheus, version
// 0.0.4. It collects nothing and keeps nothing: whoever is asked measures, and
// writes a page. (The library of Prometheus does the same for five megabytes of
// program and four of memory.)
package metrics

import (
	"slices"
	"strconv"
	"strings"
)

// ContentType is the media type of a page.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// Kind is what a family of samples measures.
type Kind string

// The kinds. A counter only grows until the process ends, and so do the parts of
// a histogram.
const (
	Counter   Kind = "counter"
	Gauge     Kind = "gauge"
	Histogram Kind = "histogram"
)

// Page is a page under construction; the zero value is an empty one.
type Page struct {
	text []byte
	name string
}

// Bytes is the page.
func (p *Page) Bytes() []byte { return p.text }

// Family begins a family; its samples follow. A name may be begun only once.
func (p *Page) Family(name string, kind Kind, help string) {
	p.name = name
	p.text = append(p.text, "# HELP "...)
	p.text = append(p.text, name...)
	p.text = append(p.text, ' ')
	p.text = append(p.text, helpEscaper.Replace(help)...)
	p.text = append(p.text, "\n# TYPE "...)
	p.text = append(p.text, name...)
	p.text = append(p.text, ' ')
	p.text = append(append(p.text, kind...), '\n')
}

// Count adds a sample of a whole number. Labels are pairs of name and value;
// they are written in the order of their names.
func (p *Page) Count(n uint64, labels ...string) {
	p.head(labels)
	p.text = append(strconv.AppendUint(p.text, n, 10), '\n')
}

// Value adds a sample.
func (p *Page) Value(v float64, labels ...string) {
	p.head(labels)
	p.text = append(strconv.AppendFloat(p.text, v, 'g', -1, 64), '\n')
}

// Truth adds a sample that is 1 for true.
func (p *Page) Truth(b bool, labels ...string) {
	n := uint64(0)
	if b {
		n = 1
	}
	p.Count(n, labels...)
}

// Distribution is a family of one histogram: counts has how many values were not
// above each bound and above the one before, and last how many were above all.
func (p *Page) Distribution(name, help string, bounds []float64, counts []uint64, sum float64) {
	p.Family(name, Histogram, help)
	p.name = name + "_bucket"
	n := uint64(0)
	for i, c := range counts {
		n += c
		le := "+Inf"
		if i < len(bounds) {
			le = strconv.FormatFloat(bounds[i], 'g', -1, 64)
		}
		p.Count(n, "le", le)
	}
	p.name = name + "_sum"
	p.Value(sum)
	p.name = name + "_count"
	p.Count(n)
}

// Single is a family of one sample without labels.
func (p *Page) Single(name string, kind Kind, help string, n uint64) {
	p.Family(name, kind, help)
	p.Count(n)
}

var (
	helpEscaper  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	labelEscaper = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

func (p *Page) head(labels []string) {
	p.text = append(p.text, p.name...)
	if len(labels) >= 2 {
		pairs := make([][2]string, 0, len(labels)/2)
		for i := 0; i+1 < len(labels); i += 2 {
			pairs = append(pairs, [2]string{labels[i], labels[i+1]})
		}
		slices.SortFunc(pairs, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
		for i, l := range pairs {
			open := byte(',')
			if i == 0 {
				open = '{'
			}
			p.text = append(append(append(p.text, open), l[0]...), `="`...)
			p.text = append(append(p.text, labelEscaper.Replace(strings.ToValidUTF8(l[1], "?"))...), '"')
		}
		p.text = append(p.text, '}')
	}
	p.text = append(p.text, ' ')
}

package diag

import (
	"fmt"
	"strings"

	"orrery/service/ipc"
)

// names says what became of the networks' name servers: one finding for each
// that has some.
func names(f *Facts) []ipc.Finding {
	const area = "dns"
	var all []ipc.Finding
	for i := range f.Networks {
		n := &f.Networks[i]
		d := &n.DNS
		text, level := d.Reason, ipc.Unsure
		switch d.State {
		case "":
			continue
		case "applied":
			level = ipc.Fine
			text = NamesApplied(d)
		case "ignored":
			level = ipc.Fine
		case "pending":
			level, text = ipc.Fine, "Its name servers are being set."
		}
		all = append(all, found(area, d.State, level, "Network "+n.ID+": "+lower(text), d.Advice)...)
	}
	return all
}

// NamesApplied says in a sentence which names are resolved by a network's
// servers.
func NamesApplied(d *ipc.DNS) string {
	what := "names of " + d.Domain
	switch {
	case d.All && d.Domain == "":
		what = "all names"
	case d.All:
		what = "all names, and short ones as those of " + d.Domain + ","
	}
	text := fmt.Sprintf("%s are asked of %s by %s.", what, strings.Join(d.Servers, ", "), d.By)
	text = strings.ToUpper(text[:1]) + text[1:]
	if d.Reason != "" {
		text += " " + d.Reason
	}
	return text
}

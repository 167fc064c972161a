package model

import (
	"cmp"
	"slices"
	"time"

	"orrery/service/ipc"
	"orrery/ui/text"
)

// Header is the line above the views: who we are and how we are.
type Header struct {
	Status Badge
	// Sentence says what the status means.
	Sentence string
	Address  Copyable
	Version  string
}

// Header returns the line above the views.
func (s *State) Header() Header {
	h := Header{Address: Copyable{s.status.Address, s.status.Address}}
	if v := clean(s.status.Version, versionLimit); v != "" {
		h.Version = text.Get("header.version", "version", v)
	}
	switch {
	case s.link == starting:
		h.Status, h.Sentence = Badge{MarkBusy, Busy, text.Get("header.connecting")}, text.Get("screen.connecting.text")
	case s.link == down:
		h.Status, h.Sentence = Badge{MarkOff, Neutral, text.Get("header.stopped")}, ""
	case !s.status.Online:
		h.Status, h.Sentence = Badge{MarkWarning, Warning, text.Get("header.offline")}, text.Get("header.offline.text")
	default:
		h.Status, h.Sentence = Badge{MarkOK, Good, text.Get("header.online")}, text.Get("header.online.text")
	}
	return h
}

// Banner is something that the user should know, above the views.
type Banner struct {
	ID      string
	Badge   Badge
	Title   string
	Text    string
	Command string // to copy, or empty
	Buttons []Button
}

// Banners returns what the user should know, the worst first.
func (s *State) Banners() []Banner {
	if !s.Up() {
		return nil
	}
	var list []Banner
	for _, a := range sortedKeys(s.trust) {
		if s.trust[a].Conflict != "" {
			list = append(list, s.conflictBanner(a))
		}
	}
	for _, id := range sortedKeys(s.alerts) {
		a := s.alerts[id]
		if addr := conflictAddress(id); addr != "" && s.trust[addr].Conflict != "" {
			continue // shown above, with something to press
		}
		list = append(list, Banner{
			ID: id, Badge: severity(a.Severity), Title: clean(a.Title, detailLimit), Text: joinSentences(clean(a.Text, detailLimit), clean(a.Advice, detailLimit)),
		})
	}
	if title, what := skew(s.status.APIVersion); title != "" {
		list = append(list, Banner{ID: "version", Badge: Badge{MarkWarning, Warning, text.Get("banner.warning")}, Title: title, Text: what})
	}
	slices.SortStableFunc(list, func(a, b Banner) int { return cmp.Compare(b.Badge.Tone, a.Badge.Tone) })
	if s.status.Role == ipc.Observer {
		list = append(list, Banner{
			ID: "role", Badge: Badge{MarkRole, Neutral, text.Get("banner.note")}, Title: text.Get("role.observer.title"),
			Text: text.Get("role.observer.text"), Command: s.groupCommand(),
		})
	}
	return list
}

// skew says that the service speaks another version of the contract, and
// nothing if it speaks ours. Zero is a service that does not say.
func skew(version int) (title, what string) {
	switch {
	case version > ipc.Version:
		return text.Get("version.newer.title"), text.Get("version.newer.text")
	case version < ipc.Version && version != 0:
		return text.Get("version.older.title"), text.Get("version.older.text")
	}
	return "", ""
}

func (s *State) conflictBanner(address string) Banner {
	r, rec := s.peerRow(address), s.trust[address]
	from := clean(rec.ConflictFrom, nameLimit)
	id := "conflict.text"
	if from != "" {
		id = "conflict.text.from"
	}
	verify := r.Verify
	verify.Label = text.Get("conflict.compare")
	return Banner{
		ID: "trust.conflict." + address, Badge: Badge{MarkConflict, Bad, text.Get("banner.error")},
		Title: text.Get("conflict.title", "peer", r.Title),
		Text:  text.Get(id, "address", address, "from", from), Buttons: []Button{verify, r.Settle, r.Block},
	}
}

// conflictAddress is the address in the ID of a conflict's alert, or empty.
func conflictAddress(id string) string {
	const prefix = "trust.conflict."
	if len(id) > len(prefix) && id[:len(prefix)] == prefix {
		return id[len(prefix):]
	}
	return ""
}

func severity(s string) Badge {
	switch s {
	case "error":
		return Badge{MarkError, Bad, text.Get("banner.error")}
	case "warning":
		return Badge{MarkWarning, Warning, text.Get("banner.warning")}
	}
	return Badge{MarkOK, Neutral, text.Get("banner.note")}
}

// joinSentences puts sentences behind each other, leaving out empty ones.
func joinSentences(list ...string) string {
	out := ""
	for _, s := range list {
		if s != "" && out != "" {
			out += " "
		}
		out += s
	}
	return out
}

// date is a day in words.
func (s *State) date(t time.Time) string {
	t = t.In(s.opt.Zone)
	return text.Get("date.day", "day", t.Format("2"), "month", text.Get("month."+t.Format("01")), "year", t.Format("2006"))
}

// moment is a day and a time in words.
func (s *State) moment(t time.Time) string {
	return text.Get("date.moment", "day", s.date(t), "time", t.In(s.opt.Zone).Format("15:04"))
}

func roleName(r ipc.Role) string {
	switch r {
	case ipc.Operator, ipc.Administrator, ipc.Observer:
		return text.Get("role." + string(r))
	}
	return clean(string(r), versionLimit)
}

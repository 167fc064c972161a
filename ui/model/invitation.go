package model

import (
	"errors"
	"strings"

	"orrery/service/ipc"
	"orrery/service/ipc/invite"
	"orrery/ui/text"
)

// Invitation is an invite to a network, from opening the dialog on.
type Invitation struct {
	state   *State
	network string
	data    *ipc.Invite
	err     error
}

// InvitationPage is what the dialog of an invite shows.
type InvitationPage struct {
	Title string
	Busy  bool
	// Problem is why there is no invite. Verify then offers to verify the
	// controller, if that would help.
	Problem *Problem
	Verify  Button
	// Lead says what the invite is good for, Sure how sure its key is.
	Lead, Sure string
	Link       Copyable
	// QR is the text of the picture.
	QR string
	// SavePicture and SaveFile are the names that files are offered to be saved
	// under, with File as the content of the second.
	PictureName, FileName string
	File                  []byte
}

// Invitation starts to invite to a network.
func (s *State) Invitation(network string) *Invitation {
	return &Invitation{state: s, network: network}
}

// Loaded takes over the service's answer.
func (i *Invitation) Loaded(data *ipc.Invite, err error) { i.data, i.err = data, err }

// Page puts the invite into words.
func (i *Invitation) Page() InvitationPage {
	row, _ := i.state.Network(i.network)
	p := InvitationPage{Title: text.Get("invite.title", "name", orElse(row.Title, i.network))}
	read := invite.Invite{}
	if i.err == nil && i.data != nil {
		// What is shown is what others will read.
		read, i.err = invite.Parse(i.data.Link)
	}
	switch {
	case i.err != nil:
		problem := i.state.Problem(i.err)
		var refused *ipc.Error
		if errors.As(i.err, &refused) && refused.Code == ipc.CodeConflict { // no key that contradicts another: one that nobody has checked
			problem.Title = text.Get("invite.refused")
		}
		p.Problem = &problem
		n := i.state.networks[i.network]
		p.Verify = i.state.verifyController(&n)
		return p
	case i.data == nil:
		p.Busy, p.Lead = true, text.Get("invite.loading")
		return p
	}
	p.Lead = text.Get("invite.lead")
	if row.Kind == text.Get("network.kind.private") {
		p.Lead = joinSentences(p.Lead, text.Get("invite.private"))
	}
	p.Sure = text.Get("invite.verified", "controller", controllerOf(i.network), "day", i.state.date(i.data.Since))
	if i.data.Own {
		p.Sure = text.Get("invite.own")
	}
	link := read.String()
	p.Link, p.QR, p.File = Copyable{Text: short(link), Copy: link}, link, read.File()
	name := fileName(orElse(read.Name, i.network))
	p.PictureName, p.FileName = name+".png", name+invite.Extension
	return p
}

// short is the beginning and the end of a long link.
func short(link string) string {
	const head, tail = 40, 18
	if len(link) <= head+tail+1 {
		return link
	}
	return strings.ToValidUTF8(link[:head], "") + "…" + strings.ToValidUTF8(link[len(link)-tail:], "")
}

// fileName makes a name that every system takes for a file.
func fileName(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == ' ', r == '-', r == '_', r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r > 0x7f:
			return r
		}
		return '-'
	}, clean(s, 40))
	return orElse(strings.Trim(s, " -…"), "invite")
}

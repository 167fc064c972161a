package model

import (
	"cmp"
	"context"
	"errors"
	"unicode"
	"unicode/utf8"

	"orrery/service/ipc"
	"orrery/ui/text"
)

// Problem is an error in words: what happened, what to do, and the command
// that does it, if there is one.
type Problem struct {
	Badge   Badge
	Title   string
	Text    string
	Advice  string
	Command string
}

// Problem puts an error into words. Errors of the service are translated by
// their code; the service's own sentence stays, because it names things.
func (s *State) Problem(err error) Problem {
	p := s.problem(err)
	if p.Text == "" {
		p.Text = text.Get("problem.internal.text")
	}
	return p
}

func (s *State) problem(err error) Problem {
	var refused *ipc.Error
	bad := Badge{MarkError, Bad, text.Get("banner.error")}
	switch {
	case err == nil:
		return Problem{Badge: bad, Title: text.Get("screen.stopped.title"), Text: text.Get("screen.stopped.text"), Advice: text.Get("screen.stopped.advice"), Command: s.startCommand()}
	case errors.As(err, &refused):
		return s.refusal(refused)
	case errors.Is(err, ipc.ErrNotRunning):
		return Problem{Badge: Badge{MarkOff, Neutral, text.Get("header.stopped")}, Title: text.Get("screen.stopped.title"), Text: text.Get("screen.stopped.text"), Advice: text.Get("screen.stopped.advice"), Command: s.startCommand()}
	case errors.Is(err, ipc.ErrNotAllowed):
		return Problem{Badge: Badge{MarkRole, Warning, text.Get("banner.warning")}, Title: text.Get("screen.denied.title"), Text: text.Get("screen.denied.text"), Advice: text.Get("screen.denied.advice"), Command: s.groupCommand()}
	case errors.Is(err, ipc.ErrUntrusted):
		return Problem{Badge: bad, Title: text.Get("screen.untrusted.title"), Text: text.Get("screen.untrusted.text"), Advice: text.Get("screen.untrusted.advice")}
	case errors.Is(err, ipc.ErrProtocol):
		return Problem{Badge: bad, Title: text.Get("screen.protocol.title"), Text: text.Get("screen.protocol.text"), Advice: text.Get("screen.protocol.advice")}
	case errors.Is(err, context.DeadlineExceeded):
		return Problem{Badge: bad, Title: text.Get("problem.timeout.title"), Text: text.Get("problem.timeout.text"), Advice: text.Get("problem.again")}
	}
	return Problem{Badge: bad, Title: text.Get("problem.internal.title"), Text: sentence(clean(err.Error(), detailLimit)), Advice: text.Get("problem.again")}
}

// refusal puts an answer of the service that is not "yes" into words.
func (s *State) refusal(e *ipc.Error) Problem {
	p := Problem{
		Badge: Badge{MarkError, Bad, text.Get("banner.error")},
		Text:  sentence(clean(e.Message, detailLimit)), Advice: sentence(clean(e.Advice, detailLimit)), Command: clean(e.Command, detailLimit),
	}
	switch e.Code {
	case ipc.CodeForbidden:
		p.Badge = Badge{MarkRole, Warning, text.Get("banner.warning")}
		p.Title = text.Get("problem.forbidden.title")
		p.Text = text.Get("problem.forbidden.text", "role", roleName(cmp.Or(e.Need, ipc.Operator)))
		if p.Command == "" && e.Need != ipc.Administrator {
			p.Command = s.groupCommand()
		}
		p.Advice = cmp.Or(p.Advice, text.Get("problem.forbidden.advice"))
	case ipc.CodeConflict, ipc.CodeNotFound, ipc.CodeTimeout, ipc.CodeBadRequest, ipc.CodeUnsupported:
		p.Title = text.Get("problem." + e.Code + ".title")
	case ipc.CodeBusy, ipc.CodeUnavailable:
		p.Title = text.Get("problem." + e.Code + ".title")
		p.Advice = cmp.Or(p.Advice, text.Get("problem.again"))
	default:
		p.Title = text.Get("problem.internal.title")
	}
	return p
}

// sentence makes a sentence of an error text: a capital first, a full stop last.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	first, n := utf8.DecodeRuneInString(s)
	s = string(unicode.ToUpper(first)) + s[n:]
	switch s[len(s)-1] {
	case '.', '!', '?':
		return s
	}
	return s + "."
}

// startCommand starts the service on this system.
func (s *State) startCommand() string {
	if s.opt.OS == "windows" {
		return "orreryd start"
	}
	return "sudo orreryd start"
}

// groupCommand makes the user an operator on this system.
func (s *State) groupCommand() string {
	user := s.opt.User
	switch s.opt.OS {
	case "windows":
		return "net localgroup orrery \"" + cmp.Or(user, "%USERNAME%") + "\" /add"
	case "darwin":
		return "sudo dseditgroup -o edit -a " + cmp.Or(user, "$USER") + " -t user orrery"
	}
	return "sudo usermod -aG orrery " + cmp.Or(user, "$USER")
}

// Screen is what stands in the place of the views while the service does not
// answer. Shown is false when the views can be shown.
type Screen struct {
	Shown   bool
	Busy    bool // nothing to do but wait
	Problem Problem
	Retry   Button
}

// Screen returns what to show in the place of the views.
func (s *State) Screen() Screen {
	switch s.link {
	case up:
		return Screen{}
	case starting:
		return Screen{Shown: true, Busy: true, Problem: Problem{Badge: Badge{MarkBusy, Busy, text.Get("header.connecting")}, Title: text.Get("screen.connecting.title"), Text: text.Get("screen.connecting.text")}}
	}
	return Screen{Shown: true, Problem: s.Problem(s.linkErr), Retry: Button{Label: text.Get("screen.retry"), Enabled: true, Action: Action{Do: Reconnect}}}
}

package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/service/ipc"
	"orrery/service/ipc/invite"
	"orrery/service/ipc/linkfile"
	"orrery/service/ipc/qr"
)

// Invitation says what to make of an invite.
type Invitation struct {
	// Name is what it calls the network, "" for the network's own name.
	Name string
	// QRFile and File are files to make: a PNG picture, and a text with the link.
	QRFile, File string
	// Picture draws the QR picture on the terminal.
	Picture bool
}

// Invite makes an invite to a network and prints its link.
func (t *Tool) Invite(ctx context.Context, id string, v Invitation) error {
	n, err := t.networkID(id)
	if err != nil {
		return err
	}
	if err := t.needService(); err != nil {
		return err
	}
	i, err := t.Service.Invite(ctx, n.String(), v.Name)
	if err != nil {
		return explain(err)
	}
	read, err := invite.Parse(i.Link) // what is printed and written is what others will read
	if err != nil {
		return failf("the service's invite cannot be used: %w", err)
	}
	if t.JSON {
		if err := writeLink(read.String(), read.File(), v); err != nil {
			return err
		}
		return t.showValue(i)
	}
	if err := t.publish(read.String(), read.File(), v); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(t.Err, sureness(i))
	return nil
}

// sureness says how sure the key in an invite is.
func sureness(i *ipc.Invite) string {
	if i.Own {
		return "This computer is the network's controller: its key is in the invite. Send it by a way that nobody can change on the way."
	}
	return fmt.Sprintf("The controller's key in it is the one that you verified (%s, on %s). Send it by a way that nobody can change on the way.", printable(i.How), day(i.Since))
}

// publish makes the files that were asked for and prints the link.
func (t *Tool) publish(link string, file []byte, v Invitation) error {
	if err := writeLink(link, file, v); err != nil {
		return err
	}
	t.printf("%s\n", link)
	if v.Picture {
		picture, err := qr.Blocks(link, t.Screen)
		if err != nil {
			return failf("%w", err)
		}
		t.printf("\n%s\n", picture)
	}
	return nil
}

// writeLink makes the files that were asked for. Files that exist are not
// overwritten.
func writeLink(link string, file []byte, v Invitation) error {
	for _, path := range []string{v.QRFile, v.File} { // before the first is written
		if _, err := os.Lstat(path); path != "" && err == nil {
			return failf("%s exists; choose another name, or remove it", printable(path))
		}
	}
	if v.QRFile != "" {
		picture, err := qr.PNG(link)
		if err != nil {
			return failf("%w", err)
		}
		if err := createFile(v.QRFile, picture, 0o644); err != nil {
			return failf("write the QR picture: %w", err)
		}
	}
	if v.File != "" {
		if err := createFile(v.File, file, 0o644); err != nil {
			return failf("write the file: %w", err)
		}
	}
	return nil
}

// JoinBy joins a network by whatever one was given: its ID, an invite as a link,
// a file with an invite or a picture of its QR code, or - for such a file at the
// standard input.
// A token, if there is one, goes along to the controller.
func (t *Tool) JoinBy(ctx context.Context, what, token string) error {
	if !netconf.ValidToken(token) {
		return usagef("a join token can have up to %d printable bytes", netconf.MaxToken)
	}
	if _, err := identity.ParseNetworkID(what); err == nil {
		return t.join(ctx, what, token)
	}
	i, isInvite, err := t.readInvite(what)
	switch {
	case err != nil:
		return err
	case !isInvite:
		return t.join(ctx, what, token) // says that it is no network ID
	case !i.Pins():
		_, _ = fmt.Fprintln(t.Err, "It does not say which key the network's controller has: nothing is verified by it.")
		return t.join(ctx, i.Network.String(), token)
	}
	if err := i.Check(); err != nil {
		return failf("%w. Nothing was changed", err)
	}
	if err := t.needService(); err != nil {
		return err
	}
	n, err := t.Service.JoinInvite(ctx, i.Network.String(), ipc.Join{Invite: i.String(), NetworkSettings: tokenSetting(token)})
	if err != nil {
		return explain(err)
	}
	if t.JSON {
		return t.showValue(n)
	}
	t.printf("200 join OK\n")
	_, _ = fmt.Fprintf(t.Err, "Network %s: the key of its controller %s, from the invite, is recorded as verified.\n", i.Network, i.Controller.Address)
	return nil
}

// readInvite reads an invite from a link, a file, or the standard input. isInvite
// is false for what is none of these.
func (t *Tool) readInvite(what string) (i invite.Invite, isInvite bool, err error) {
	link, found, err := t.readLink(what)
	if err != nil || !found {
		return i, err != nil, err
	}
	if n, err := identity.ParseNetworkID(link); err == nil {
		return invite.Invite{Network: n}, true, nil // an ID alone
	}
	i, err = invite.Parse(link)
	switch {
	case errors.Is(err, invite.ErrContact):
		return i, true, failf("%w\nTo say that it is its owner's: orreryctl trust verify CARD", err)
	case err != nil:
		return i, true, failf("%s: %w", named(what), err)
	}
	return i, true, nil
}

// readLink returns the link that an argument is or that the file it names has: a
// text, a picture of a QR code, or - for either at the standard input. found is
// false if it is neither a link nor a file.
func (t *Tool) readLink(what string) (link string, found bool, err error) {
	if strings.Contains(what, "://") || strings.ContainsAny(what, "\n\r") {
		return what, true, nil
	}
	var content []byte
	if what == "-" {
		content, err = io.ReadAll(io.LimitReader(t.In, linkfile.MaxFile+1))
	} else {
		content, err = readFile(what, linkfile.MaxFile)
	}
	switch {
	case errors.Is(err, os.ErrNotExist) && !strings.ContainsAny(what, `./\`):
		return "", false, nil
	case errors.Is(err, os.ErrNotExist):
		return "", false, failf("there is no file %s", printable(what))
	case err != nil:
		return "", false, failf("%w", err)
	}
	if link, err = linkfile.Read(content); err != nil {
		return "", false, failf("%s: %w", named(what), err)
	}
	return link, true, nil
}

// named is what messages call an argument; what may have a key in it is not
// repeated.
func named(what string) string {
	switch {
	case what == "-":
		return "the standard input"
	case strings.Contains(what, "://"):
		return "the link"
	}
	return printable(what)
}

// TrustUnverified lists the members that networks for verified peers turn away,
// of one network or, with an empty ID, of all.
func (t *Tool) TrustUnverified(ctx context.Context, id string) error {
	if id != "" {
		n, err := t.networkID(id)
		if err != nil {
			return err
		}
		id = n.String()
	}
	if err := t.needService(); err != nil {
		return err
	}
	list, err := t.Service.Networks(ctx)
	if err != nil {
		return explain(err)
	}
	rows := [][]string{{"NETWORK", "ADDRESS", "NAME", "FROM", "TO", "LAST"}}
	away := map[string][]ipc.Unverified{}
	only, found := 0, false
	for i := range list {
		n := &list[i]
		if id != "" && n.ID != id {
			continue
		}
		found = true
		if !n.VerifiedOnly {
			continue
		}
		only++
		away[n.ID] = append([]ipc.Unverified{}, n.Unverified...)
		for j := range n.Unverified {
			u := &n.Unverified[j]
			rows = append(rows, []string{n.ID, u.Address, u.Name, fmt.Sprint(u.From), fmt.Sprint(u.To), u.Last.Local().Format("15:04:05")})
		}
		if more := n.UnverifiedCount - len(n.Unverified); more > 0 {
			rows = append(rows, []string{n.ID, fmt.Sprintf("and %d more", more), "", "", "", ""})
		}
	}
	switch {
	case id != "" && !found:
		return failf("this computer has not joined network %s\nJoin it first: orreryctl join %s", id, id)
	case t.JSON:
		return t.showValue(away)
	case only == 0 && id != "":
		t.printf("The network is not for verified peers only. To make it so: orreryctl set %s verifiedOnly=1\n", id)
	case only == 0:
		t.printf("No network is for verified peers only. To make one so: orreryctl set NETWORK verifiedOnly=1\n")
	case len(rows) == 1:
		t.printf("Nobody was turned away.\n")
	default:
		t.columns(rows)
		t.printf("\nTo let one in, compare the safety number with its owner: orreryctl verify ADDRESS\n")
	}
	return nil
}

// verifiedStatus prints how sure the controller's key is, and whom a network for
// verified peers turns away.
func verifiedStatus(n *ipc.Network, line func(format string, args ...any)) {
	switch n.ControllerTrust {
	case ipc.Verified:
		line("The controller's key is verified")
	case ipc.Seen:
		line("The controller's key is not verified: orreryctl verify %s", n.ID[:10])
	case ipc.Blocked:
		line("You have blocked the controller")
	}
	if !n.VerifiedOnly {
		return
	}
	line("For verified members only: %d turned away, %d frames dropped", n.UnverifiedCount, n.DroppedUnverified)
	if n.UnverifiedCount > 0 {
		line("Who that is: orreryctl trust unverified %s", n.ID)
	}
}

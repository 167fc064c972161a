//go:build unix

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orrery/service/ipc"
	"orrery/service/ipc/invite"
	"orrery/service/ipc/linkfile"
)

const inviteLink = "orrery://join/e285b97aef000001?c=" + peerText + "&n=Garden"

// TestInvite: an invite of this node's own network, its picture and its file are
// taken by another one that joins; what is wrong changes nothing.
func TestInvite(t *testing.T) {
	t.Parallel()
	_, socket, _ := fakeService(t)
	dir := t.TempDir()
	picture, file := filepath.Join(dir, "garden.png"), filepath.Join(dir, "garden.orrery")
	private := strings.Repeat("5ec4e7", 21) + "5e"
	for name, content := range map[string]string{
		"wrapped.orrery": "\ufeff# from Kim\r\n" + inviteLink[:60] + "\r\n" + inviteLink[60:] + "\r\n", "secret.orrery": inviteLink[:strings.Index(inviteLink, "&")] + ":" + private,
		"noise.png": "\x89PNG\r\n\x1a\nnoise", "text": "hello", "card": "# Bob's\n orrery://contact/" + peerText + "?n=Robert\n", "id": "e285b97aef000009\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	replace := strings.NewReplacer("--socket "+socket+" ", "", dir+"/", "", selfText, "SELF", peerText, "PEER")
	got := transcript(t, inviteLink, replace, with([]string{"--socket", socket},
		"invite 294551b91fabcdef --qr "+picture+" --file "+file+" --name Garden", "invite 294551b91fabcdef --file "+file,
		"-j invite 294551b91fabcdef", "invite e285b97aef000001", "invite xyz",
		"join "+inviteLink, "join "+filepath.Join(dir, "wrapped.orrery"), "join -", "join orrery://join/e285b97aef000002?n=x", "join "+filepath.Join(dir, "id"),
		"join orrery://join/e285b97aef000001?c="+selfText, "join orrery://join/ff00160016000000", "join orrery://contact/"+peerText,
		"join "+filepath.Join(dir, "secret.orrery"), "join "+inviteLink[:len(inviteLink)-12]+"0"+inviteLink[len(inviteLink)-11:],
		"join "+filepath.Join(dir, "noise.png"), "join "+filepath.Join(dir, "text"), "join "+filepath.Join(dir, "missing"),
		"contact --name Kim --file "+filepath.Join(dir, "kim.orrery"), "-j contact --name Kim", "contact --name a\u202eb",
		"trust verify "+filepath.Join(dir, "card"), "trust verify "+filepath.Join(dir, "text"), "trust verify orrery://contact/"+peerText+"?n=Bob --matches",
		"trust verify zz", "trust verify e285b97aef --contact "+filepath.Join(dir, "card"),
		"trust show e285b97aef", "trust unverified", "trust unverified 1111111111111111")...)
	golden(t, "invite", got)
	if strings.Contains(got, private[:12]) {
		t.Error("a private key is printed")
	}
	for _, name := range []string{picture, file} {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := linkfile.Read(content)
		if err != nil {
			t.Fatal(err)
		}
		if i, err := invite.Parse(text); err != nil || i.Name != "Garden" || i.Controller.String() != selfText {
			t.Errorf("%s: %+v, %v", name, i, err)
		}
		var out, errs bytes.Buffer
		if code := run(context.Background(), []string{"--socket", socket, "join", name}, nil, &out, &errs); code != 0 || !strings.Contains(out.String(), "200 join OK") {
			t.Errorf("join %s: %d %s %s", name, code, &out, &errs)
		}
	}
	show := transcript(t, "", replace, with([]string{"--socket", socket}, "invite 294551b91fabcdef --show")...)
	if !strings.Contains(show, "█▀▀▀▀▀█") {
		t.Errorf("no picture:\n%s", show)
	}
}

// TestUnverified lists whom networks for verified peers turn away.
func TestUnverified(t *testing.T) {
	t.Parallel()
	b, socket, _ := fakeService(t)
	b.State.Networks = append(b.State.Networks, ipc.Network{ID: "e285b97aef000001", VerifiedOnly: true, ControllerTrust: ipc.Seen, UnverifiedCount: 3, DroppedUnverified: 9, Unverified: []ipc.Unverified{
		{Address: "1122334455", Name: "Kim\x1b", From: 7, To: 2}, {Address: "5544332211", From: 1},
	}})
	lines := with([]string{"--socket", socket}, "trust unverified", "trust unverified 294551b91fabcdef", "trust unverified e285b97aef000001 -j", "network status e285b97aef000001")
	got := transcript(t, "", strings.NewReplacer("--socket "+socket+" ", ""), lines...)
	for _, want := range []string{"1122334455  Kim?", "and 1 more", "orreryctl verify ADDRESS", "verifiedOnly=1", `"address": "5544332211"`, "3 turned away, 9 frames dropped", "orreryctl verify e285b97aef"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

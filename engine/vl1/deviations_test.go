package vl1

import (
	"encoding/hex"
	"slices"
	"strings"

	"orrery/engine/wire"
)

// deviation is where Orrery does otherwise than the reference, on purpose.
type deviation struct {
	why string
	// change turns what the reference did into what is done instead; nil for the
	// same.
	change func(did []string) []string
	// known and received are what is to be if it differs.
	known, received *bool
}

func (d *deviation) apply(did []string, known, received bool) ([]string, bool, bool) {
	if d.change != nil {
		did = d.change(did)
	}
	if d.known != nil {
		known = *d.known
	}
	if d.received != nil {
		received = *d.received
	}
	return did, known, received
}

var yes, no = true, false

func nothing([]string) []string { return nil }

// does is something else altogether.
func does(did ...string) func([]string) []string {
	return func([]string) []string { return did }
}

// first does something before the rest.
func first(what string) func([]string) []string {
	return func(did []string) []string { return slices.Insert(slices.Clone(did), 0, what) }
}

// without leaves out what contains a text.
func without(text string) func([]string) []string {
	return func(did []string) []string {
		return slices.DeleteFunc(slices.Clone(did), func(s string) bool { return strings.Contains(s, text) })
	}
}

// cipher3 answers under cipher 3 where the reference uses 1.
func cipher3(did []string) []string {
	did = slices.Clone(did)
	did[0] = strings.Replace(did[0], "cipher 1", "cipher 3", 1)
	return did
}

// noWorlds cuts the worlds from an OK(HELLO): its fixed part is 29 bytes and the
// length of the worlds 2.
func noWorlds(did []string) []string {
	did = slices.Clone(did)
	at := strings.LastIndexByte(did[0], ' ') + 1
	did[0] = did[0][:at+2*29] + "0000"
	return did
}

const (
	worldsWhy   = "worlds are many times larger than the HELLO that asks for them: they go to an address that proved itself, or through a relay (spec 03 §11.4)"
	measureWhy  = "a first answer contains the time that the other side took to validate us, so the way is measured once more, by ECHO"
	collideWhy  = "an identity whose hash does not give its address is not worth an answer or an alarm (spec 02 §19); TestCollidingHelloIsAnswered has a valid one"
	redirectWhy = "a cluster redirect from a leaf is an ordinary address to try (spec 03 §4.7)"
	unprovenWhy = "the answer is longer than the question, and nobody has answered from that address yet: it is asked to prove itself (spec 03 §11.4)"
)

// deviations are by case and step.
var deviations = map[string]deviation{
	"HELLO with older planet/0":         {why: worldsWhy, change: noWorlds},
	"HELLO wants a moon the node has/0": {why: worldsWhy, change: noWorlds},
	"HELLO wants a moon the node has/2": {why: worldsWhy, change: noWorlds},

	"HELLO bad MAC/1": {
		why:   "only packets whose MAC verified are charged to their prefix (spec 02 §19): a forger cannot lock out a /24",
		known: &yes, received: &yes, change: does(okHello("198.51.100.10/9993", "alice", 1, "1122a44455667af9", "04c633640a2709"), helloTo("198.51.100.10/9993", "alice", "0000018bcfe56be8", "04c633640a2709")),
	},
	"HELLO bad MAC/2": {why: "known since the step before", change: cipher3},
	"HELLO identity gate per /24/1": {
		why:   "a prefix has a reserve of sixteen new identities, so that an office can start at once",
		known: &yes, received: &yes, change: does(okHello("198.51.100.99/1000", "carol", 1, "1122a74455667b14", "04c633646303e8"), helloTo("198.51.100.99/1000", "carol", "0000018bcfe5680a", "04c633646303e8")),
	},
	"HELLO identity gate per /24/2": {why: "known since the step before", change: cipher3},

	"HELLO identity collision (address known with another key)/0": {why: collideWhy, change: nothing},
	"HELLO identity collision, known peer protocol 11/0":          {why: collideWhy, change: nothing},

	"OK(HELLO) planet update from root/0":         {why: measureWhy, change: first("198.51.100.1/9993 ECHO for root cipher 3 hops 0 ")},
	"OK(HELLO) planet update from non-upstream/0": {why: measureWhy, change: first("198.51.100.10/9993 ECHO for alice cipher 3 hops 0 ")},
	"OK(HELLO) moon that is not orbited/0":        {why: measureWhy, change: first("198.51.100.1/9993 ECHO for root cipher 3 hops 0 ")},
	"OK(HELLO) moon from its seed/0":              {why: measureWhy, change: first("198.51.100.77/9993 ECHO for moonroot cipher 3 hops 0 ")},
	"OK(HELLO) world length too small/0":          {why: "a world must lie within the length that is stated for it", change: nothing, received: &no},

	"ECHO/3": {why: "only HELLO and what bonds exchange may travel without encryption (spec 02 §19)", change: nothing, received: &no},

	"WHOIS/0": {why: unprovenWhy, change: does("198.51.100.10/9993 ECHO for alice cipher 3 hops 0 0000000000")},
	"WHOIS/2": {why: unprovenWhy, change: without("198.51.100.10/9993 OK")},
	"packet from unknown peer then OK(WHOIS)/1": {why: unprovenWhy, change: does("198.51.100.10/9993 ECHO for alice cipher 1 hops 0 0000")},

	"ERROR IDENTITY_COLLISION code 4/3": {why: "the ERROR answers no HELLO that we sent (spec 03 §3.8)", change: without("collision")},

	"PUSH_DIRECT_PATHS/5": {why: redirectWhy, change: does("203.0.113.20/9993 ECHO for alice cipher 3 hops 0 ")},
	"PUSH_DIRECT_PATHS/6": {why: redirectWhy + ", so the old path stays", change: without("198.51.100.10/9993 HELLO")},
	"PUSH_DIRECT_PATHS/7": {why: redirectWhy + ", so the old path stays", change: without("198.51.100.10/9993 HELLO")},

	"fragments late by 60 s/1":          {why: "incomplete packets are given up after 5 s (spec 02 §4.3)", change: nothing, received: &no},
	"fragment number not below total/2": {why: "a fragment whose number is not below its total is no part of the packet (spec 02 §19)", change: does("198.51.100.10/9993 OK for alice cipher 3 hops 0 sha256:b0b5959720fbccac026ef2f75df93af96f6708f4ea0b53ff4f4de8df0d120344"), received: &yes},
	"two fragments disagree on total/2": {why: "parts that contradict the first one's total are ignored", change: nothing, received: &no},
}

// bobPublic is the identity of the node that the vectors are about.
var bobPublic = hex.EncodeToString(loadVectors().secret("bob").Identity.AppendBinary(nil))

// okHello is the OK to the HELLO of alice or carol: both were sent at the same
// time by software of the same version.
func okHello(to, who string, cipher uint8, id, seen string) string {
	return describeSent(to, who, cipher, 0, wire.VerbOK, "01"+id+"0000018bcfe5687b"+"0c010e0001"+seen+"0000")
}

// helloTo is the HELLO that asks a new path to prove itself.
func helloTo(to, who, time, inet string) string {
	return describeSent(to, who, 0, 0, wire.VerbHello, "0c010e0001"+time+bobPublic+inet+"0000000000c0ffee0000018bcfe56418"+"0000")
}

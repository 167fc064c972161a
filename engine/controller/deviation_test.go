package controller

import (
	"fmt"
	"slices"
	"strings"
)

// deviation is what we do instead of the reference in one step of a scenario
// (spec 05 §7).
type deviation struct {
	both bool // with Config.Compat too
	// load makes the step by loading what the reference stored, because we
	// would refuse to store it.
	load bool
	bend func(*step) // changes what is expected
}

// refused is a request that is refused instead of being bent into shape.
var refused = deviation{bend: func(st *step) { st.Status, st.Response = 400, nil }}

// answer changes fields of the expected response.
func answer(fields map[string]any) deviation {
	return deviation{bend: func(st *step) { patch(st.Response, fields) }}
}

func patch(v any, fields map[string]any) {
	m := v.(map[string]any)
	for key, v := range fields {
		m[key] = v
	}
}

// inBoth marks a deviation that compatibility does not undo.
func inBoth(d deviation) deviation {
	d.both = true
	return d
}

// one is the expectation that the second of two equal configurations is not
// sent: what our own answer saved needs no push.
var one = inBoth(deviation{bend: func(st *step) {
	st.Sent = slices.DeleteFunc(st.Sent, func(m map[string]any) bool { return m["request_packet_id"] == "0000000000000000" })
}})

type fields = map[string]any

var deviations = map[string]map[int]deviation{
	// Bodies that mean nothing are refused and store nothing.
	"invalid_bodies": {
		0: refused, 1: refused, 2: refused, 3: refused, 4: refused,
		5: {bend: func(st *step) { st.Status, st.Response = 404, nil }}, // there is no network
		6: {bend: func(st *step) { st.Status, st.Response = 404, nil }},
	},
	"routes": {
		0: refused, 1: answer(fields{"routes": []any{}}), 2: answer(fields{"revision": 1}),
	},
	"pools": {0: refused, 1: answer(fields{"ipAssignmentPools": []any{}})},
	"dns": {
		0: refused, 1: answer(fields{"revision": 1}), 2: answer(fields{"revision": 1}), 3: answer(fields{"revision": 2}),
	},
	"foreign_prefix_can_be_stored": {0: refused},
	// Numbers do not wrap, and the trace level stays.
	"network_fields": {
		1: answer(fields{"revision": 1, "remoteTraceLevel": 2}), 2: answer(fields{"revision": 2, "remoteTraceLevel": 2}),
		3: answer(fields{"revision": 3, "remoteTraceLevel": 2}), 4: refused,
		5: answer(fields{"revision": 4, "remoteTraceLevel": 2}), 6: answer(fields{"revision": 5, "remoteTraceLevel": 2}),
		7: answer(fields{"revision": 6, "remoteTraceLevel": 2}), 8: refused,
		9:  answer(fields{"revision": 7, "remoteTraceLevel": 2, "multicastLimit": 0}),
		10: answer(fields{"revision": 7, "remoteTraceLevel": 2, "multicastLimit": 0}),
		11: answer(fields{"revision": 8, "remoteTraceLevel": 2, "multicastLimit": 0}),
		12: answer(fields{"revision": 8, "remoteTraceLevel": 2, "multicastLimit": 0}),
		13: answer(fields{"revision": 9, "remoteTraceLevel": 2, "multicastLimit": 0}),
		14: answer(fields{"revision": 10, "remoteTraceLevel": 2, "multicastLimit": 0}),
		15: answer(fields{"revision": 10, "remoteTraceLevel": 2, "multicastLimit": 0}),
	},
	"member_fields": {
		8: answer(fields{"revision": 4, "remoteTraceLevel": 3}), 9: answer(fields{"revision": 5, "remoteTraceLevel": 3}),
		10: answer(fields{"revision": 5, "remoteTraceLevel": 3}), 11: answer(fields{"revision": 6, "remoteTraceLevel": 3}),
		12: answer(fields{"revision": 7, "remoteTraceLevel": 3}), 13: answer(fields{"revision": 7, "remoteTraceLevel": 3}),
		14: answer(fields{"revision": 7, "remoteTraceLevel": 3}),
	},
	"remote_trace": {3: {bend: func(st *step) {
		patch(st.MemberAfter, fields{"revision": 2, "remoteTraceLevel": 3})
		st.Sent[0]["remoteTraceLevel"] = 3
	}}},
	// Integer ranges can be entered.
	"rules_post": {0: answer(fields{"rules": []any{
		fields{"etherType": 2048, "not": true, "or": false, "type": "MATCH_ETHERTYPE"},
		fields{"type": "ACTION_DROP"},
		fields{
			"bits": 8, "end": "0000000000000002", "idx": 0, "little": false, "not": false, "or": false,
			"start": "0000000000000001", "type": "INTEGER_RANGE",
		},
		fields{"type": "ACTION_ACCEPT"},
	}})},
	// An address has one spelling, whatever the path.
	"member_uppercase_path": {
		1: inBoth(answer(fields{"address": "aaaaaaaaaa", "id": "aaaaaaaaaa"})),
		2: inBoth(deviation{bend: func(st *step) { st.Response = fields{"aaaaaaaaaa": 1} }}),
		3: inBoth(answer(fields{"address": "aaaaaaaaaa", "id": "aaaaaaaaaa"})),
	},
	// A token where there are none is a wrong token.
	"request_token_default_authTokens": {1: inBoth(deviation{bend: func(st *step) {
		st.Sent = []map[string]any{{"code": "ACCESS_DENIED", "request_packet_id": "1122334455667788", "send": "error", "to": "12345678ab"}}
		st.MemberAfter = newRecord("12345678ab", st.Request.Identity)
	}})},
	// Without a page to log in at the member hears so, in the form that it does not
	// ignore.
	"sso_enabled_on_file_store": {0: inBoth(deviation{bend: func(st *step) { st.Sent[0]["data"] = "" }})},
	// The whole pool is searched when the trials have failed.
	"v4_pool_two_addresses_last_never_used": {4: {bend: func(st *step) {
		patch(st.MemberAfter, fields{"ipAssignments": []any{"10.1.0.8"}})
		patch(st.Sent[0], fields{
			"staticIps":                 []any{"10.1.0.8/16"},
			"certificates_of_ownership": []any{fields{"id": 1, "things": []any{fields{"type": 2, "value": "0a010008000000000000000000000000"}}}},
		})
	}}},
	// Host bits and servers that are no addresses come from imports only.
	"v4_route_target_with_host_bits_never_matches": {0: {load: true}},
	"bridges_caps_tags_dns":                        {0: {load: true}, 3: bridges("000002bbbbbbbbb2"), 5: bridges("000002bbbbbbbbb2"), 6: bridges("000002bbbbbbbbb2")},
	// Bridges that are not authorised are not announced.
	"specialist_and_tag_order": {4: bridges()},
	// All addresses are certified, in two certificates.
	"static_ip_limits": {2: {bend: func(st *step) {
		var things []any
		for i := 17; i <= 32; i++ {
			things = append(things, fields{"type": 2, "value": fmt.Sprintf("0a0101%02x", i) + strings.Repeat("0", 24)})
		}
		coo := st.Sent[0]["certificates_of_ownership"].([]any)
		st.Sent[0]["certificates_of_ownership"] = append(coo, fields{"id": 2, "things": things})
	}}},
	// A deleted member stays away.
	"deleted_member_comes_back": {
		4: {bend: func(st *step) { st.MemberAfter = nil }},
		5: {bend: func(st *step) { st.Response = fields{} }},
	},
	"local_api_first":                     {4: refused},
	"queued_request_pushes_second_config": {1: one},
	"pushes_to_online_members":            {1: one},
	"push_on_network_change":              {1: one, 2: one},
	"deauthorize_sends_no_error":          {2: one},
}

// bridges expects these specialists.
func bridges(list ...any) deviation {
	return deviation{bend: func(st *step) { st.Sent[0]["specialists"] = append([]any{}, list...) }}
}

// newRecord is the record of a member that has only asked.
func newRecord(a, identity string) map[string]any {
	return fields{
		"activeBridge": false, "address": a, "authenticationExpiryTime": 0, "authorized": false, "capabilities": []any{},
		"creationTime": "NOW", "id": a, "identity": identity, "ipAssignments": []any{}, "lastAuthorizedCredential": nil,
		"lastAuthorizedCredentialType": nil, "lastAuthorizedTime": 0, "lastDeauthorizedTime": 0, "noAutoAssignIps": false,
		"nwid": "8e4df28b72abcdef", "objtype": "member", "remoteTraceLevel": 0, "remoteTraceTarget": nil, "revision": 1,
		"ssoExempt": false, "tags": []any{}, "vMajor": -1, "vMinor": -1, "vProto": -1, "vRev": -1,
	}
}

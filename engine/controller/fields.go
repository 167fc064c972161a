package controller

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"orrery/engine/internal/loose"
	"orrery/engine/netconf"
)

// form reads the fields of a request body into a record. In the strict form,
// which is the default, text that means nothing is refused; in the reference's
// it is skipped or coerced (spec 05 §2.2, §2.5, §8.2).
type form struct {
	body   document
	record document
	strict bool
	err    error
}

// each runs set with the field's value if the body has the field.
func (f *form) each(key string, set func(v any)) {
	if v, ok := f.body[key]; ok && f.err == nil {
		set(v)
	}
}

func (f *form) refuse(field, format string, args ...any) {
	if f.err == nil {
		f.err = badInput(field, format, args...)
	}
}

func (f *form) text(key, def string) {
	f.each(key, func(v any) { f.record[key] = loose.ToText(v, def) })
}

func (f *form) flag(key string, def bool) {
	f.each(key, func(v any) { f.record[key] = loose.ToBool(v, def) })
}

// integer reads a number that fits limit bits.
func (f *form) integer(key string, def uint64, bits int) {
	f.each(key, func(v any) {
		u := loose.ToUint(v, def)
		if f.strict && (loose.Negative(v) || u>>1>>(bits-1) != 0) {
			f.refuse(key, "want a number from 0 to %d", uint64(1)<<bits-1)
			return
		}
		f.record[key] = loose.Number(u)
	})
}

// trace reads the remote trace fields, which networks and members share.
func (f *form) trace() {
	f.each("remoteTraceTarget", func(v any) {
		if s := loose.ToText(v, ""); len(s) == 10 {
			f.record["remoteTraceTarget"] = s
		} else {
			f.record["remoteTraceTarget"] = nil
		}
	})
	f.integer("remoteTraceLevel", 0, 32)
}

// list runs add for each element of an array field; other values of the field
// are ignored. At most 16384 elements are taken.
func (f *form) list(key string, add func(path string, v any) (out any, keep bool)) {
	f.each(key, func(v any) {
		in, ok := v.([]any)
		if !ok {
			return
		}
		out := []any{}
		for i, e := range in {
			if len(out) == maxElements {
				break
			}
			if v, keep := add(key+"["+strconv.Itoa(i)+"]", e); keep && f.err == nil {
				out = append(out, v)
			}
		}
		f.record[key] = out
	})
}

func (f *form) assignModes() {
	f.each("v4AssignMode", func(v any) {
		zt := false
		switch v := v.(type) {
		case string:
			zt = v == "zt"
		case map[string]any:
			zt = loose.ToBool(v["zt"], false)
		}
		f.record["v4AssignMode"] = map[string]any{"zt": zt}
	})
	f.each("v6AssignMode", func(v any) {
		mode := map[string]any{}
		switch v := v.(type) {
		case map[string]any:
			for _, key := range v6Modes {
				if m, ok := v[key]; ok {
					mode[key] = loose.ToBool(m, false)
				}
			}
		default:
			s, _ := v.(string)
			words := strings.Split(s, ",")
			for _, key := range v6Modes {
				mode[key] = slices.Contains(words, key)
			}
		}
		f.record["v6AssignMode"] = mode
	})
}

var v6Modes = [...]string{"rfc4193", "zt", "6plane"}

func (f *form) routes() {
	f.list("routes", func(path string, e any) (any, bool) {
		m, _ := e.(map[string]any)
		text, ok := m["target"].(string)
		if !ok {
			if f.strict {
				f.refuse(path+".target", "want text such as \"10.0.0.0/24\"")
			}
			return nil, false
		}
		viaText, hasVia := m["via"].(string)
		if f.strict {
			return f.strictRoute(path, text, m["via"], viaText, hasVia)
		}
		target, bits, ok := looseIP(text)
		if !ok || bits > target.BitLen() {
			return nil, false
		}
		var via any
		if a, _, ok := looseIP(viaText); hasVia && ok && a.Is4() == target.Is4() {
			via = renderIP(a)
		}
		return map[string]any{"target": renderPrefix(target, bits), "via": via}, true
	})
}

func (f *form) strictRoute(path, text string, rawVia any, viaText string, hasVia bool) (any, bool) {
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil || p.Addr().Is4In6():
		f.refuse(path+".target", "not an IP network: %q, want text such as \"10.0.0.0/24\"", clipBytes(text, 64))
		return nil, false
	case p != p.Masked():
		f.refuse(path+".target", "bits beyond the prefix are set in %s, did you mean %s", p, p.Masked())
		return nil, false
	}
	var via any
	switch a, ok := strictIP(viaText); {
	case rawVia == nil || hasVia && viaText == "":
	case !hasVia || !ok:
		f.refuse(path+".via", "not an IP address")
		return nil, false
	case a.Is4() != p.Addr().Is4():
		f.refuse(path+".via", "%s is of another family than %s", a, p)
		return nil, false
	default:
		via = renderIP(a)
	}
	return map[string]any{"target": renderPrefix(p.Addr(), p.Bits()), "via": via}, true
}

func (f *form) pools() {
	f.list("ipAssignmentPools", func(path string, e any) (any, bool) {
		m, _ := e.(map[string]any)
		p, ok := loosePool(m)
		if f.strict {
			start, ok1 := strictIP(loose.ToText(m["ipRangeStart"], ""))
			end, ok2 := strictIP(loose.ToText(m["ipRangeEnd"], ""))
			switch p, ok = (pool{start, end}), true; {
			case !ok1:
				f.refuse(path+".ipRangeStart", "not an IP address")
			case !ok2:
				f.refuse(path+".ipRangeEnd", "not an IP address")
			case start.Is4() != end.Is4():
				f.refuse(path, "start and end are of different families")
			case end.Less(start):
				f.refuse(path, "the end %s lies before the start %s", end, start)
			}
		}
		if !ok || f.err != nil {
			return nil, false
		}
		return map[string]any{"ipRangeStart": renderIP(p.start), "ipRangeEnd": renderIP(p.end)}, true
	})
}

func (f *form) rules() {
	f.each("rules", func(v any) {
		if in, ok := v.([]any); ok {
			f.record["rules"] = f.normalRules("rules", in)
		}
	})
}

// normalRules sends rules through the model and back, so that a record holds
// one spelling of each. In the reference's form unreadable ones vanish.
func (f *form) normalRules(path string, in []any) []any {
	out := []any{}
	for i, e := range in {
		if len(out) == maxElements {
			break
		}
		v, ok, err := normalRule(e, f.strict)
		if err != nil {
			at := path + "[" + strconv.Itoa(i) + "]"
			f.refuse(at, "%s", err.Error())
			if bad, is := f.err.(*BadInputError); is && !f.strict {
				bad.Status = 500
			}
			return nil
		}
		if ok {
			out = append(out, v)
		}
	}
	return out
}

func (f *form) authTokens() {
	f.each("authTokens", func(v any) {
		m, ok := v.(map[string]any)
		if !ok {
			f.record["authTokens"] = []any{nil}
			return
		}
		tokens := map[string]any{}
		for token, expiry := range m {
			if isNumber(expiry) && !loose.Negative(expiry) {
				tokens[token] = loose.Number(loose.ToUint(expiry, 0))
			}
		}
		if len(tokens) == 0 {
			f.record["authTokens"] = nil
			return
		}
		f.record["authTokens"] = tokens
	})
}

// byID reads an array of elements with an id, of which the last one with an id
// counts, in ascending order. read says what an element becomes, if anything.
func (f *form) byID(key string, read func(path string, e any) (id uint64, v any, ok bool)) {
	f.each(key, func(v any) {
		in, ok := v.([]any)
		if !ok {
			return
		}
		var ids []uint64
		out := []any{}
		for i, e := range in {
			if len(out) == maxElements {
				break
			}
			id, v, ok := read(key+"["+strconv.Itoa(i)+"]", e)
			if !ok {
				continue
			}
			at, found := slices.BinarySearch(ids, id)
			if found {
				out[at] = v
				continue
			}
			ids, out = slices.Insert(ids, at, id), slices.Insert(out, at, v)
		}
		f.record[key] = out
	})
}

func (f *form) capabilities() {
	f.byID("capabilities", func(path string, e any) (uint64, any, bool) {
		m, ok := e.(map[string]any)
		if !ok {
			return 0, nil, false
		}
		id := loose.ToUint(m["id"], 0)
		rules, _ := m["rules"].([]any)
		return id, map[string]any{
			"id": loose.Number(id), "default": loose.ToBool(m["default"], false), "rules": f.normalRules(path+".rules", rules),
		}, true
	})
}

func (f *form) networkTags() {
	f.byID("tags", func(_ string, e any) (uint64, any, bool) {
		m, ok := e.(map[string]any)
		if !ok {
			return 0, nil, false
		}
		id, tag := loose.ToUint(m["id"], 0), map[string]any{"default": nil}
		if m["default"] != nil {
			tag["default"] = loose.Number(loose.ToUint(m["default"], 0))
		}
		tag["id"] = loose.Number(id)
		return id, tag, true
	})
}

func (f *form) dns() {
	f.each("dns", func(v any) {
		m, ok := v.(map[string]any)
		if !ok {
			return
		}
		dns := map[string]any{"domain": m["domain"]}
		servers, ok := m["servers"].([]any)
		if ok {
			dns["servers"] = servers[:min(len(servers), maxElements)]
		}
		if f.strict {
			f.strictDNS(m["domain"], servers)
		}
		f.record["dns"] = dns
	})
}

func (f *form) strictDNS(domain any, servers []any) {
	s, ok := domain.(string)
	if domain != nil && !ok || len(s) > netconf.MaxName {
		f.refuse("dns.domain", "want text of at most %d bytes", netconf.MaxName)
	}
	if len(servers) > netconf.MaxDNSServers {
		f.refuse("dns.servers", "at most %d servers can be announced", netconf.MaxDNSServers)
	}
	for i, e := range servers {
		s, _ := e.(string)
		if _, ok := strictIP(s); !ok {
			f.refuse("dns.servers["+strconv.Itoa(i)+"]", "not an IP address")
		}
	}
}

package dns

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"
)

const (
	maxDomain = 253
	maxLabel  = 63
)

// private are domains without a registry: set aside for private use, or used so
// everywhere. A network may have one whole.
var private = []string{
	"corp", "home", "home.arpa", "internal", "intranet", "lan", "local", "localdomain", "private", "test",
}

// special are domains that resolvers must answer by themselves or not at all
// (RFC 6761, 7686, 9476). "arpa" is for the names of addresses.
var special = []string{"alt", "arpa", "invalid", "localhost", "onion"}

// ParseDomain returns a domain in the form in which it is used, in lower case
// and without a dot at the end, or says why a network must not have it. The
// error is a sentence without its first word, the domain, and its stop.
//
// With whole, the user lets the network have all queries, so that it may also
// name a domain under which strangers register.
func ParseDomain(text string, whole bool) (string, error) {
	d := strings.ToLower(strings.TrimSuffix(text, "."))
	if err := syntax(d); err != nil {
		return "", err
	}
	last := d[strings.LastIndexByte(d, '.')+1:]
	if slices.Contains(special, last) && !slices.Contains(private, d) && !strings.HasSuffix(d, ".home.arpa") {
		return "", fmt.Errorf("belongs to %q, which no network can have", "."+last)
	}
	if whole || slices.Contains(private, d) {
		return d, nil
	}
	suffix, registry := publicsuffix.PublicSuffix(d)
	switch {
	case suffix != d:
		return d, nil
	case registry || strings.Contains(suffix, "."):
		return "", fmt.Errorf("is a public suffix: the network would answer for everybody's names under it")
	default:
		return "", fmt.Errorf("is a single label that is not set aside for private use")
	}
}

// syntax checks that a domain is one of host names (RFC 1123).
func syntax(d string) error {
	if d == "" {
		return fmt.Errorf("is empty")
	}
	if len(d) > maxDomain {
		return fmt.Errorf("is longer than %d characters", maxDomain)
	}
	label := ""
	for label = range strings.SplitSeq(d, ".") {
		switch {
		case label == "":
			return fmt.Errorf("has an empty label")
		case len(label) > maxLabel:
			return fmt.Errorf("has a label of more than %d characters", maxLabel)
		case label[0] == '-' || label[len(label)-1] == '-':
			return fmt.Errorf("has a label that begins or ends with a hyphen")
		}
		for i := range len(label) {
			if c := label[i]; c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
				return fmt.Errorf("has characters other than letters, digits and hyphens (others are written in their ASCII form, xn--…)")
			}
		}
	}
	if strings.Trim(label, "0123456789") == "" {
		return fmt.Errorf("ends with a number, like an address")
	}
	return nil
}

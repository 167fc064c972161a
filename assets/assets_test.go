package assets

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"testing"
)

func pictures(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{"app": AppIcon()}
	for _, s := range []string{"stopped", "offline", "online", "attention"} {
		all["tray "+s] = TrayIcon(s)
	}
	for _, m := range []string{
		"ok", "busy", "off", "warning", "error", "verified", "unverified", "conflict", "blocked", "direct", "relayed", "network", "role",
	} {
		all["mark "+m] = Mark(m)
	}
	return all
}

func TestPicturesAreWellFormedAndHaveNoStrokes(t *testing.T) {
	t.Parallel()
	for name, data := range pictures(t) {
		if len(data) == 0 {
			t.Errorf("%s is missing", name)
			continue
		}
		if bytes.Contains(data, []byte("stroke=")) || bytes.Contains(data, []byte("<text")) {
			t.Errorf("%s has a stroke or text", name)
		}
		for d := xml.NewDecoder(bytes.NewReader(data)); ; {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Errorf("%s: %v", name, err)
				break
			}
		}
	}
}

func TestUnknownNamesGiveNil(t *testing.T) {
	t.Parallel()
	if TrayIcon("x") != nil || Mark("../assets") != nil || Messages("xx") != nil {
		t.Error("something was found")
	}
}

func TestEnglishIsThere(t *testing.T) {
	t.Parallel()
	for _, l := range Languages() {
		if l == "en" && len(Messages(l)) > 0 {
			return
		}
	}
	t.Errorf("languages: %v", Languages())
}

// A panel may be white, black or anything that desktops use; 3:1 is what
// WCAG 1.4.11 asks of graphics.
func TestTrayIconsStandOutOnEveryPanel(t *testing.T) {
	t.Parallel()
	fill := regexp.MustCompile(`fill="#([0-9a-f]{6})"`)
	for _, s := range []string{"stopped", "offline", "online", "attention"} {
		for _, m := range fill.FindAllSubmatch(TrayIcon(s), -1) {
			for _, panel := range []string{"ffffff", "f2f2f2", "2b2b2b", "1e1e1e", "000000"} {
				if c := contrast(t, string(m[1]), panel); c < 3 {
					t.Errorf("%s: %s on %s has contrast %.2f", s, m[1], panel, c)
				}
			}
		}
	}
}

func TestTrayIconsDifferInShape(t *testing.T) {
	t.Parallel()
	shape := regexp.MustCompile(` d="[^"]*"`)
	seen := map[string]string{}
	for _, s := range []string{"stopped", "offline", "online", "attention"} {
		k := fmt.Sprintf("%q", shape.FindAll(TrayIcon(s), -1))
		if other, ok := seen[k]; ok {
			t.Errorf("%s has the shape of %s", s, other)
		}
		seen[k] = s
	}
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	la, lb := luminance(t, a), luminance(t, b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	v, err := strconv.ParseUint(hex, 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	lin := func(c uint64) float64 {
		f := float64(c&0xff) / 255
		if f <= 0.03928 {
			return f / 12.92
		}
		return math.Pow((f+0.055)/1.055, 2.4)
	}
	return 0.2126*lin(v>>16) + 0.7152*lin(v>>8) + 0.0722*lin(v)
}

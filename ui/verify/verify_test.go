package verify

import (
	"slices"
	"strings"
	"testing"

	"rsc.io/qr"
)

func TestRows(t *testing.T) {
	t.Parallel()
	twelve := strings.Split("a b c d e f g h i j k l", " ")
	for _, c := range []struct {
		in   []string
		want string
	}{
		{nil, ""}, {twelve[:1], "a"}, {twelve[:4], "a b c d"}, {twelve[:5], "a b c d/e"}, {twelve, "a b c d/e f g h/i j k l"},
	} {
		var rows []string
		for _, r := range Rows(c.in) {
			rows = append(rows, strings.Join(r, " "))
		}
		if got := strings.Join(rows, "/"); got != c.want {
			t.Errorf("%v: %q", c.in, got)
		}
	}
	if got := Spoken(twelve); got != "a b c d\ne f g h\ni j k l" {
		t.Errorf("%q", got)
	}
}

// The picture has the code's modules and a white margin of four.
func TestPicture(t *testing.T) {
	t.Parallel()
	const link = "orrery://contact/89e92ceee5:0:00"
	img, err := Picture(link)
	if err != nil {
		t.Fatal(err)
	}
	code, err := qr.Encode(link, qr.M)
	if err != nil {
		t.Fatal(err)
	}
	side := img.Bounds().Dx()
	if side != code.Size+8 || side != img.Bounds().Dy() {
		t.Fatalf("side %d, code %d", side, code.Size)
	}
	for y := range side {
		for x := range side {
			r, _, _, _ := img.At(x, y).RGBA()
			if black := r == 0; black != code.Black(x-4, y-4) {
				t.Fatalf("module %d,%d", x, y)
			}
		}
	}
	if _, err := Picture(strings.Repeat("x", 5000)); err == nil {
		t.Error("a text that does not fit gives a picture")
	}
}

func TestRowsDoNotAlias(t *testing.T) {
	t.Parallel()
	in := []string{"a", "b", "c", "d", "e"}
	if got := slices.Concat(Rows(in)...); !slices.Equal(got, in) {
		t.Errorf("%v", got)
	}
}

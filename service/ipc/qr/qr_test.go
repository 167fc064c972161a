package qr

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"
	"time"
)

const text = "orrery://join/294551b91f000001?n=garden"

func TestPNGReadsBack(t *testing.T) {
	t.Parallel()
	for _, s := range []string{text, "x", strings.Repeat("ab:/?", 100)} {
		file, err := PNG(s)
		if err != nil || !IsPicture(file) {
			t.Fatal(err)
		}
		if got, err := Read(file); err != nil || got != s {
			t.Errorf("%q, %v", got, err)
		}
	}
	if _, err := PNG(strings.Repeat("x", 5000)); err == nil {
		t.Error("a picture of 5000 characters")
	}
}

func TestPictureHasMargin(t *testing.T) {
	t.Parallel()
	img, err := Picture(text)
	if err != nil {
		t.Fatal(err)
	}
	side := img.Bounds().Dx()
	black := color.GrayModel.Convert(color.Black)
	for i := range side {
		for m := range quiet {
			for _, c := range []color.Color{img.At(i, m), img.At(i, side-1-m), img.At(m, i), img.At(side-1-m, i)} {
				if color.GrayModel.Convert(c) == black {
					t.Fatal("the margin is not white")
				}
			}
		}
	}
	if img.Bounds().Dy() != side || color.GrayModel.Convert(img.At(quiet, quiet)) != black {
		t.Error("the picture does not begin with a finder pattern")
	}
}

// TestBlocks: a picture made of the characters reads as the text.
func TestBlocks(t *testing.T) {
	t.Parallel()
	for _, coloured := range []bool{false, true} {
		s, err := Blocks(text, coloured)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(s, "\x1b") != coloured {
			t.Error("colours where none were asked for, or none")
		}
		s = strings.NewReplacer(blackOnWhite, "", plain, "").Replace(s)
		lines := strings.Split(strings.TrimSuffix(s, "\n"), "\n")
		const scale = 8
		img := image.NewGray(image.Rect(0, 0, len([]rune(lines[0]))*scale, len(lines)*2*scale))
		for y, line := range lines {
			for x, r := range []rune(line) {
				for p := range scale * 2 * scale {
					upper := p/scale < scale
					dark := r == '█' || r == '▀' && upper || r == '▄' && !upper
					shade := color.Gray{Y: 255}
					if dark {
						shade.Y = 0
					}
					img.SetGray(x*scale+p%scale, y*2*scale+p/scale, shade)
				}
			}
		}
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			t.Fatal(err)
		}
		if got, err := Read(b.Bytes()); err != nil || got != text {
			t.Errorf("%q, %v", got, err)
		}
	}
}

func TestPicturesThatAreRefused(t *testing.T) {
	t.Parallel()
	file := func(w, h int) []byte {
		var b bytes.Buffer
		if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, w, h))); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	for name, c := range map[string]struct {
		file []byte
		want error
	}{
		"nothing": {nil, ErrPicture}, "text": {[]byte("hello"), ErrPicture}, "no code": {file(100, 100), ErrNone}, "one pixel": {file(1, 1), ErrNone},
		"a bomb": {file(11999, 11999)[:64], ErrPicture}, "very long": {file(20000, 1), ErrPicture}, "a large file": {make([]byte, MaxFile+1), ErrPicture},
		"cut short": {file(100, 100)[:40], ErrPicture},
	} {
		if got, err := Read(c.file); !errors.Is(err, c.want) || got != "" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// TestPictureFullOfCorners: a picture made to keep the reader busy for
// minutes does not, on the slowest of machines.
func TestPictureFullOfCorners(t *testing.T) {
	t.Parallel()
	img := image.NewGray(image.Rect(0, 0, 1600, 1600))
	for y := range 1600 {
		for x := range 1600 {
			u, v := x%9, y%9
			if ring := u == 0 || u == 6 || v == 0 || v == 6; u > 6 || v > 6 || !ring && (u == 1 || u == 5 || v == 1 || v == 5) {
				img.SetGray(x, y, color.Gray{Y: 255})
			}
		}
	}
	began := time.Now()
	if _, err := find(img); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
	t.Logf("it took %v", time.Since(began)) // of minutes, the limit of all tests tells
}

// FuzzModules: no picture of small size makes the reader fail otherwise than by
// saying so.
func FuzzModules(f *testing.F) {
	f.Add(uint8(29), []byte("seed"))
	if img, err := Picture(text); err == nil {
		side := img.Bounds().Dx()
		bits := make([]byte, (side*side+7)/8)
		for i := range side * side {
			if r, _, _, _ := img.At(i%side, i/side).RGBA(); r == 0 {
				bits[i/8] |= 1 << (i % 8)
			}
		}
		f.Add(uint8(side), bits)
	}
	f.Fuzz(func(t *testing.T, side uint8, bits []byte) {
		if side == 0 || len(bits) == 0 {
			return
		}
		img := image.NewGray(image.Rect(0, 0, int(side)*2, int(side)*2))
		for y := range img.Rect.Dy() {
			for x := range img.Rect.Dx() {
				i := y/2*int(side) + x/2
				if bits[i/8%len(bits)]>>(i%8)&1 == 0 {
					img.SetGray(x, y, color.Gray{Y: 255})
				}
			}
		}
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			t.Fatal(err)
		}
		if got, err := Read(b.Bytes()); err == nil && got == "" {
			t.Error("an empty text")
		}
	})
}

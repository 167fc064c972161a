package qr

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // what a camera makes
	_ "image/png"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// Bounds of pictures that are read: bytes of the file, and pixels.
const (
	MaxFile   = 8 << 20
	maxPixels = 24 << 20
	maxSide   = 12000
)

// ErrPicture is returned for what is not a picture that can be looked at.
var ErrPicture = errors.New("not a picture that can be read: want PNG or JPEG")

// ErrNone is returned for a picture in which no QR code is found.
var ErrNone = errors.New("no QR code is found in the picture")

// IsPicture reports whether the content of a file begins as one of the pictures
// that [Read] takes.
func IsPicture(file []byte) bool {
	return bytes.HasPrefix(file, []byte("\x89PNG\r\n\x1a\n")) || bytes.HasPrefix(file, []byte{0xff, 0xd8, 0xff})
}

// Read returns the text of the QR code in a picture, given as the content of a
// PNG or JPEG file. A picture too large is refused before it is unpacked.
func Read(file []byte) (text string, err error) {
	if len(file) > MaxFile {
		return "", fmt.Errorf("%w: it has more than %d MiB", ErrPicture, MaxFile>>20)
	}
	c, _, err := image.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		return "", ErrPicture
	}
	if c.Width < 1 || c.Height < 1 || c.Width > maxSide || c.Height > maxSide || c.Width*c.Height > maxPixels {
		return "", fmt.Errorf("%w: %d by %d pixels are too many", ErrPicture, c.Width, c.Height)
	}
	img, _, err := image.Decode(bytes.NewReader(file))
	if err != nil {
		return "", ErrPicture
	}
	return find(img)
}

// maxCorners bounds the places that look like a corner of a QR code. The reader
// compares each three of them, so that a picture full of corners would keep it
// busy for hours.
const maxCorners = 200

// find looks for a QR code, first in an ordinary picture, then in one that only
// consists of it.
func find(img image.Image) (text string, err error) {
	// The reader is somebody else's, and a picture anybody's.
	defer func() {
		if recover() != nil {
			text, err = "", ErrNone
		}
	}()
	corners := 0
	count := gozxing.ResultPointCallback(func(gozxing.ResultPoint) {
		if corners++; corners > maxCorners {
			panic("too many corners")
		}
	})
	bitmap, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		return "", ErrNone
	}
	for _, hints := range []map[gozxing.DecodeHintType]any{
		{gozxing.DecodeHintType_TRY_HARDER: true, gozxing.DecodeHintType_NEED_RESULT_POINT_CALLBACK: count},
		{gozxing.DecodeHintType_PURE_BARCODE: true},
	} {
		r, err := qrcode.NewQRCodeReader().Decode(bitmap, hints)
		if err == nil && r.GetText() != "" {
			return r.GetText(), nil
		}
	}
	return "", ErrNone
}

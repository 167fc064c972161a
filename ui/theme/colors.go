package theme

import (
	"image/color"

	"fyne.io/fyne/v2"
	base "fyne.io/fyne/v2/theme"
)

// rgb and rgba read a colour as it is written in design tools.
func rgb(v uint32) color.NRGBA { return rgba(v<<8 | 0xff) }

func rgba(v uint32) color.NRGBA {
	return color.NRGBA{R: uint8(v >> 24), G: uint8(v >> 16), B: uint8(v >> 8), A: uint8(v)}
}

var light = map[fyne.ThemeColorName]color.Color{
	base.ColorNameBackground:          rgb(0xf5f6fa),
	base.ColorNameForeground:          rgb(0x1a2030),
	ColorMuted:                        rgb(0x5a6377),
	ColorSurface:                      rgb(0xffffff),
	ColorWarningSurface:               rgb(0xfff3dc),
	ColorErrorSurface:                 rgb(0xfdecea),
	base.ColorNamePlaceHolder:         rgb(0x5f687c),
	base.ColorNameDisabled:            rgb(0x7d8699),
	base.ColorNamePrimary:             rgb(0x2b53b8),
	base.ColorNameForegroundOnPrimary: rgb(0xffffff),
	base.ColorNameHyperlink:           rgb(0x2b53b8),
	base.ColorNameFocus:               rgba(0x2b53b84d),
	base.ColorNameSelection:           rgba(0x2b53b826),
	base.ColorNameHover:               rgba(0x1a20300f),
	base.ColorNamePressed:             rgba(0x1a203026),
	base.ColorNameButton:              rgb(0xe4e8f1),
	base.ColorNameDisabledButton:      rgb(0xeceff5),
	base.ColorNameInputBackground:     rgb(0xffffff),
	base.ColorNameInputBorder:         rgb(0x858ea3),
	base.ColorNameHeaderBackground:    rgb(0xeaedf4),
	base.ColorNameMenuBackground:      rgb(0xffffff),
	base.ColorNameOverlayBackground:   rgb(0xffffff),
	base.ColorNameSeparator:           rgb(0xd6dbe6),
	base.ColorNameScrollBar:           rgba(0x1a203080),
	base.ColorNameScrollBarBackground: rgb(0xe4e8f1),
	base.ColorNameShadow:              rgba(0x1a203033),
	base.ColorNameSuccess:             rgb(0x17703a),
	base.ColorNameForegroundOnSuccess: rgb(0xffffff),
	base.ColorNameWarning:             rgb(0x8f5200),
	base.ColorNameForegroundOnWarning: rgb(0xffffff),
	base.ColorNameError:               rgb(0xb3261e),
	base.ColorNameForegroundOnError:   rgb(0xffffff),
}

var dark = map[fyne.ThemeColorName]color.Color{
	base.ColorNameBackground:          rgb(0x12161f),
	base.ColorNameForeground:          rgb(0xe8ecf5),
	ColorMuted:                        rgb(0xa3acc0),
	ColorSurface:                      rgb(0x1a2030),
	ColorWarningSurface:               rgb(0x33270f),
	ColorErrorSurface:                 rgb(0x3a1a18),
	base.ColorNamePlaceHolder:         rgb(0x9aa3b8),
	base.ColorNameDisabled:            rgb(0x7c869c),
	base.ColorNamePrimary:             rgb(0x93b2ff),
	base.ColorNameForegroundOnPrimary: rgb(0x0c1428),
	base.ColorNameHyperlink:           rgb(0x93b2ff),
	base.ColorNameFocus:               rgba(0x93b2ff55),
	base.ColorNameSelection:           rgba(0x93b2ff33),
	base.ColorNameHover:               rgba(0xe8ecf512),
	base.ColorNamePressed:             rgba(0xe8ecf533),
	base.ColorNameButton:              rgb(0x2a3346),
	base.ColorNameDisabledButton:      rgb(0x1e2534),
	base.ColorNameInputBackground:     rgb(0x0e121a),
	base.ColorNameInputBorder:         rgb(0x69748d),
	base.ColorNameHeaderBackground:    rgb(0x171d2a),
	base.ColorNameMenuBackground:      rgb(0x1e2535),
	base.ColorNameOverlayBackground:   rgb(0x1a2030),
	base.ColorNameSeparator:           rgb(0x2d364a),
	base.ColorNameScrollBar:           rgba(0xe8ecf580),
	base.ColorNameScrollBarBackground: rgb(0x1a2030),
	base.ColorNameShadow:              rgba(0x00000080),
	base.ColorNameSuccess:             rgb(0x6fd08c),
	base.ColorNameForegroundOnSuccess: rgb(0x062411),
	base.ColorNameWarning:             rgb(0xf0b452),
	base.ColorNameForegroundOnWarning: rgb(0x2a1a00),
	base.ColorNameError:               rgb(0xff8a80),
	base.ColorNameForegroundOnError:   rgb(0x2d0906),
}

// Package widget has the parts that several views share: text in the theme's
// roles, badges, text that copies itself, banners, empty places, commands. They
// show what they are given and decide nothing.
package widget

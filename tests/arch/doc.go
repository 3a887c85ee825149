// Package arch checks what the compiler does not: layers, cards, drawings, sizes and banned calls. It has only tests.
package arch

package batch

import (
	"bytes"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/pierrec/lz4/v4"
)

// decoder decompresses the records of one batch and goes back to its pool afterwards. A Read that returns
// no bytes returns an error.
type decoder interface {
	io.Reader
	release()
}

// openDecoder returns a decoder for data; codec is one that compresses.
func openDecoder(codec Codec, data []byte) (decoder, error) {
	switch codec {
	case Gzip:
		return openGzip(data)
	case Snappy:
		return openSnappy(data), nil
	case LZ4:
		return openLZ4(data), nil
	default:
		return openZstd(data)
	}
}

type gzipDecoder struct {
	gzip.Reader
	source bytes.Reader
}

var gzips = sync.Pool{New: func() any { return new(gzipDecoder) }}

func openGzip(data []byte) (decoder, error) {
	d := gzips.Get().(*gzipDecoder)
	d.source.Reset(data)
	if err := d.Reset(&d.source); err != nil {
		d.release()
		return nil, err
	}
	return d, nil
}

func (d *gzipDecoder) release() {
	d.source.Reset(nil)
	gzips.Put(d)
}

type lz4Decoder struct {
	*lz4.Reader
	source bytes.Reader
}

var lz4s = sync.Pool{New: func() any { return &lz4Decoder{Reader: lz4.NewReader(nil)} }}

func openLZ4(data []byte) decoder {
	d := lz4s.Get().(*lz4Decoder)
	d.source.Reset(data)
	d.Reset(&d.source)
	return d
}

func (d *lz4Decoder) release() {
	d.source.Reset(nil)
	d.Reset(nil)
	lz4s.Put(d)
}

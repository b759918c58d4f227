//! Pure: the bytes of an image file in; an upright, small JPEG and the facts
//! in its EXIF out.

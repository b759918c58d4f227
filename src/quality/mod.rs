//! Pure: the text of a model in, a cleaned caption and a verdict out.

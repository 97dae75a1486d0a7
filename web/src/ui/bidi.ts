/** A name inside a sentence: one that is written from right to left keeps its direction and leaves that of the sentence. */
export function isolated(name: string): string {
  return /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}]/u.test(
    name,
  )
    ? `\u2068${name}\u2069`
    : name;
}

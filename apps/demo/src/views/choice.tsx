/** One of a few, with a label. */
export function Choice<Name extends string>(props: {
  readonly label: string;
  readonly value: Name;
  readonly titles: Readonly<Record<Name, string>>;
  readonly onChoose: (name: Name) => void;
}) {
  const { label, value, titles, onChoose } = props;
  return (
    <label>
      <span>{label}</span>
      <select value={value} onChange={(event) => onChoose(event.currentTarget.value as Name)}>
        {(Object.keys(titles) as Name[]).map((name) => (
          <option key={name} value={name}>
            {titles[name]}
          </option>
        ))}
      </select>
    </label>
  );
}
